import * as v from "valibot";
import type { ServerConfig } from "./server_config.ts";
import type { ValueKind } from "./values.ts";

/** A key of `zoo.cfg` that is honoured. */
export interface ConfigKey {
  /** As it is written in `zoo.cfg`; `-Dzookeeper.<name>` is the same setting. */
  readonly name: string;
  /** What it does, for the manual. */
  readonly help: string;
  /** Its default, for the manual. */
  readonly fallback: string;
  /** Completes "must be …". */
  readonly rule: string;
  /**
   * Puts a value into the configuration; `written` is the name where ours ends in `.n`.
   *
   * @returns false when it breaks the rule.
   */
  readonly apply: (config: ServerConfig, text: string, written: string) => boolean;
}

/** A key whose value is of one kind. */
export function key<T>(
  name: string,
  kind: ValueKind<T>,
  set: (config: ServerConfig, value: T, written: string) => void,
  manual: { readonly help: string; readonly fallback: string },
): ConfigKey {
  const apply = (config: ServerConfig, text: string, written: string): boolean => {
    const parsed = v.safeParse(kind.schema, text);
    if (parsed.success) set(config, parsed.output, written);
    return parsed.success;
  };
  return { name, rule: kind.rule, apply, ...manual };
}
