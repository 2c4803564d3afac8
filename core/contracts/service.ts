import { type Token, token } from "./token.ts";

/** Something that runs beside the server for its whole life: an HTTP port for metrics, say. */
export interface Service {
  /** Kebab-case, for messages. */
  readonly name: string;
  /** Called once, after storage is open and before clients are let in. */
  start(): Promise<void>;
  /** Called once, also after a failed {@link start}; bounded in time. */
  stop(): Promise<void>;
}

/** Many: started in binding order, stopped in reverse. */
export const SERVICE: Token<Service> = token("service");
