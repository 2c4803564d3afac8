import { type Token, tokenName } from "../contracts/token.ts";
import type { Container } from "./container.ts";

/**
 * A part of a server: says which contracts it fills and which it needs. Made by a function named
 * after what it is (`sqliteStorage({ path })`); a plain object, so anybody can write one.
 */
export interface Plugin {
  /** Kebab-case; unique in a server, for messages. */
  readonly name: string;
  readonly provides: readonly Token<unknown>[];
  /** Single contracts that must be filled by another plugin of the same server. */
  readonly requires: readonly Token<unknown>[];
  /** Binds; does no I/O and resolves nothing. */
  register(container: Container): void;
}

/** Plugins that do not make a server; the message names them. */
export class CompositionError extends Error {
  override readonly name = "CompositionError";
  readonly kind: "missing" | "doubled" | "cyclic";

  constructor(kind: CompositionError["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

/**
 * Puts plugins in an order in which each comes after those it requires, else as given.
 *
 * @param many tokens that several plugins may provide.
 * @param needed single tokens that the server itself requires.
 * @throws {CompositionError} `doubled`: two plugins of one name, or two that provide a single
 * token; `missing`: a token required and not provided; `cyclic`: plugins that require each other.
 */
export function orderPlugins(
  plugins: readonly Plugin[],
  many: ReadonlySet<Token<unknown>>,
  needed: readonly Token<unknown>[],
): Plugin[] {
  const provider = findProviders(plugins, many);
  for (const target of needed) {
    if (provider.has(target)) continue;
    throw new CompositionError(
      "missing",
      `no plugin provides ${tokenName(target)}, which every server needs; ` +
        `given: ${plugins.map((plugin) => plugin.name).join(", ") || "none"}`,
    );
  }
  const ordered: Plugin[] = [];
  const state = new Map<Plugin, "visiting" | "done">();
  const visit = (plugin: Plugin, trail: readonly Plugin[]): void => {
    if (state.get(plugin) === "done") return;
    if (state.get(plugin) === "visiting") {
      const cycle = [...trail.slice(trail.indexOf(plugin)), plugin];
      throw new CompositionError(
        "cyclic",
        `plugins require each other: ${cycle.map((one) => one.name).join(" -> ")}`,
      );
    }
    state.set(plugin, "visiting");
    for (const target of plugin.requires) {
      if (many.has(target)) continue;
      const other = provider.get(target);
      if (other === undefined) {
        throw new CompositionError(
          "missing",
          `plugin ${plugin.name} requires ${tokenName(target)}, which no plugin provides`,
        );
      }
      if (other !== plugin) visit(other, [...trail, plugin]);
    }
    state.set(plugin, "done");
    ordered.push(plugin);
  };
  for (const plugin of plugins) visit(plugin, []);
  return ordered;
}

function findProviders(
  plugins: readonly Plugin[],
  many: ReadonlySet<Token<unknown>>,
): Map<Token<unknown>, Plugin> {
  const names = new Set<string>();
  const provider = new Map<Token<unknown>, Plugin>();
  for (const plugin of plugins) {
    if (names.has(plugin.name)) {
      throw new CompositionError("doubled", `plugin ${plugin.name} is given twice`);
    }
    names.add(plugin.name);
    for (const target of plugin.provides) {
      const other = provider.get(target);
      if (other !== undefined && !many.has(target)) {
        throw new CompositionError(
          "doubled",
          `plugins ${other.name} and ${plugin.name} both provide ${tokenName(target)}; ` +
            "a server takes one",
        );
      }
      provider.set(target, plugin);
    }
  }
  return provider;
}
