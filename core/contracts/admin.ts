import { type Token, token } from "./token.ts";

/** What an answer may hold. Maps keep their order whatever their keys look like. */
export type AdminValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly AdminValue[]
  | ReadonlyMap<string, AdminValue>
  | { readonly [key: string]: AdminValue };

/** What came with a command. */
export interface AdminRequest {
  /** The query's arguments, the first of each name. */
  readonly args: ReadonlyMap<string, string>;
  /**
   * The request's body; the command reads it or leaves it, and bounds what it keeps. It fails when
   * the whole has not arrived within five minutes.
   */
  readonly body: AsyncIterable<Uint8Array>;
}

/** What a command answers. */
export interface AdminReply {
  /** Shown as JSON in this order; the command's name and the error follow. */
  readonly fields?: { readonly [key: string]: AdminValue } | ReadonlyMap<string, AdminValue>;
  /** What went wrong, shown under `error`, which is null otherwise. */
  readonly error?: string;
  /** Status of HTTP; 200 when left out, also with an error, as Apache's old commands do. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent in place of JSON, as `application/octet-stream`. `return` is called in any case. */
  readonly stream?: AsyncIterable<Uint8Array>;
}

/**
 * A command of the admin HTTP server: `GET /commands/<name>`. Any plugin may bring its own, and one
 * that comes later takes the place of another of the same name. (`Command` in Apache ZooKeeper.)
 */
export interface AdminCommand {
  /** The name that is shown, then others that mean the same. */
  readonly names: readonly [primary: string, ...aliases: string[]];
  /** `GET` when it only asks, as most of Apache's do; `POST` when it takes a body. */
  readonly method: "GET" | "POST";
  /** Answered with an error while nobody is served, and with status 503 if it needs authority. */
  readonly needsServing: boolean;
  /**
   * Whether whoever asks must prove an identity (`Authorization: digest user:password`) that has
   * every permission on `/`, as Apache asks for `snapshot` and `restore`.
   */
  readonly needsAuthority: boolean;
  /** Answers. What it throws is logged and answered with status 500. */
  run(request: AdminRequest): AdminReply | Promise<AdminReply>;
}

/** Many. */
export const ADMIN_COMMAND: Token<AdminCommand> = token("admin-command");
