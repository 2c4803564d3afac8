import { readFileSync } from "node:fs";
import { nearest } from "../../core/server/nearest.ts";
import { resolveOptions } from "../../core/server/options.ts";
import {
  containerFile,
  containerSettings,
  type Environment,
  strangeVariables,
} from "./container_env.ts";
import { JaasError, readJaasUsers } from "./jaas.ts";
import { CONFIG_KEYS } from "./keys.ts";
import { NOT_APPLICABLE, REFUSED, reasonFor } from "./other_keys.ts";
import { parseDefinition, parseJvmFlags, parseProperties, type Setting } from "./properties.ts";
import { ConfigError, defaultConfig, type ServerConfig } from "./server_config.ts";
import { ServerLines } from "./server_lines.ts";

/** Where settings come from; a later line wins over an earlier one. */
export interface ConfigSources {
  /** Path of a `zoo.cfg`; if there is none, the variables of the official container image. */
  readonly file?: string | undefined;
  /** `ZOO_*`, then `SERVER_JVMFLAGS` and `JVMFLAGS` are read. */
  readonly env?: Environment;
  /** The `name=value` of each `-D`. */
  readonly definitions?: readonly string[];
  /**
   * Whether `dataDir` must be set: a misspelt one must not start an empty server somewhere else.
   * Default: when there is a file.
   */
  readonly needsDataDir?: boolean;
  /** Settings by the command's own flags, with the flag as their source. */
  readonly flags?: readonly Setting[];
}

/** A configuration, and what its author should hear. */
export interface LoadedConfig {
  readonly config: ServerConfig;
  readonly warnings: readonly string[];
  readonly origin: ConfigOrigin;
}

/** Where a configuration comes from, for operators to read; passwords are taken out. */
export interface ConfigOrigin {
  /** Path of the file, if there is one. */
  readonly file?: string | undefined;
  /** Text of the file; empty without one. */
  readonly text: string;
  /** Every setting, under the name of its Java property. */
  readonly properties: Readonly<Record<string, string>>;
}

const KEYS = new Map(CONFIG_KEYS.flatMap(({ keys }) => keys).map((key) => [key.name, key]));
const PREFIX = "zookeeper.";

/** Every name that a slip of the hand may have meant. */
const NAMES = [
  ...KEYS.keys(),
  ...[...NOT_APPLICABLE, ...REFUSED].flatMap(({ names }) => names),
].filter((name) => !name.endsWith("*"));

/**
 * Joins all sources into one configuration.
 *
 * @throws {ConfigError} with a line for each value that cannot be honoured: key, value, where it
 * was written, and what would be right.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const { env = {}, definitions = [], flags = [] } = sources;
  const config = defaultConfig();
  const file = sources.file ?? containerFile(env);
  const text = readFile(file);
  const settings = file === undefined ? containerSettings(env) : parseProperties(text, file);
  // As Apache: whoever writes a zoo.cfg means a server that others can reach.
  if (file !== undefined || settings.length > 0) config.host = config.tls.host = undefined;
  const notices = file === undefined ? strangeVariables(env) : repeated(settings);
  const reader = new Reader(config, sources.needsDataDir ?? file !== undefined, env);
  for (const setting of settings) reader.takeFileSetting(setting);
  for (const name of ["SERVER_JVMFLAGS", "JVMFLAGS"]) {
    for (const setting of parseJvmFlags(env[name] ?? "", name)) reader.takeProperty(setting);
  }
  for (const text of definitions) reader.takeProperty(parseDefinition(text, "command line"));
  for (const setting of flags) reader.takeFileSetting(setting);
  const loaded = reader.finish(text, file);
  return { ...loaded, warnings: [...loaded.warnings, ...notices] };
}

/** Keys that a file gives two values: as in Apache, the last counts. */
function repeated(settings: readonly Setting[]): string[] {
  const former = new Map<string, Setting>();
  return settings.flatMap((setting) => {
    const { key, value, source } = setting;
    const before = former.get(key);
    former.set(key, setting);
    if (before === undefined || before.value === value) return [];
    return [`${source}: ${key} stands in ${before.source} too; this line counts`];
  });
}

function readFile(file: string | undefined): string {
  if (file === undefined) return "";
  try {
    return readFileSync(file, "utf8").replace(/^\ufeff/, "");
  } catch (cause) {
    const { code = "unknown error" } = cause as { readonly code?: string };
    throw new ConfigError([`cannot read ${file}: ${code}; give the path of a zoo.cfg, or none`], {
      cause,
    });
  }
}

class Reader {
  readonly #config: ServerConfig;
  readonly #needsDataDir: boolean;
  readonly #env: Environment;
  readonly #findings: string[] = [];
  readonly #unknown: string[] = [];
  readonly #honoured = new Set<string>();
  readonly #serverLines = new ServerLines();
  readonly #properties = new Map<string, string>();
  readonly #notApplicable = new Map<string, Set<string>>();

  constructor(config: ServerConfig, needsDataDir: boolean, env: Environment) {
    this.#config = config;
    this.#env = env;
    this.#needsDataDir = needsDataDir;
  }

  takeFileSetting(setting: Setting): void {
    this.#take(setting, setting.key);
  }

  /** A Java property: `zookeeper.k` is the key `k`; a few have no prefix in Apache. */
  takeProperty(setting: Setting): void {
    const { key } = setting;
    if (key.startsWith(PREFIX)) this.#take(setting, key.slice(PREFIX.length));
    else if (KEYS.has(key)) this.#take(setting, key);
    else this.#ignore("for a Java machine", key);
  }

  /** @param text what the file says. */
  finish(text: string, file: string | undefined): LoadedConfig {
    const config = this.#config;
    const isPortSet = this.#honoured.has("clientPort");
    this.#findings.push(...this.#serverLines.finish(config, isPortSet, this.#env));
    // As Apache: whoever asks for TLS alone does not want a plain port besides.
    const namesPlainPort = isPortSet || this.#serverLines.namesPort;
    config.hasPlainPort = config.tls.port === undefined || config.tls.isUnified || namesPlainPort;
    const warnings = [...this.#unknown, ...this.#serverLines.warnings];
    if (this.#notApplicable.size > 0) {
      const parts = [...this.#notApplicable].map(([reason, keys]) => {
        return `${[...keys].join(", ")} (${reason})`;
      });
      warnings.push(`not applicable here and without effect: ${parts.join("; ")}`);
    }
    this.#takeSasl();
    if (config.enforceAuth.enabled) {
      const { schemes } = config.enforceAuth;
      if (schemes.length === 0) {
        this.#findings.push("enforce.auth.enabled needs enforce.auth.schemes: name one, as digest");
      }
      config.options.enforceAuthSchemes = schemes;
    }
    if (config.sasl.required) {
      config.options.enforceAuthSchemes = [...(config.options.enforceAuthSchemes ?? []), "sasl"];
    }
    if (this.#needsDataDir && !this.#honoured.has("dataDir")) {
      const hints = this.#unknown.map((hint) => `; ${hint}`).join("");
      this.#findings.push(`dataDir is not set: name the folder of the database${hints}`);
    }
    if (config.ensemble.membership !== undefined && config.ensemble.reconfigEnabled) {
      if (file === undefined) this.#findings.push("reconfigEnabled needs a zoo.cfg to write to");
    }
    if (this.#findings.length === 0) this.#checkTogether();
    if (this.#findings.length > 0) throw new ConfigError(this.#findings);
    const properties = Object.fromEntries(this.#properties);
    return { config, warnings, origin: { file, text: hideSecrets(text), properties } };
  }

  #takeSasl(): void {
    const { sasl, enforceAuth } = this.#config;
    const isNeeded = sasl.required || (enforceAuth.enabled && enforceAuth.schemes.includes("sasl"));
    if (isNeeded && sasl.file === undefined && sasl.superPassword === undefined) {
      this.#findings.push(
        "SASL is required of clients, but nobody may log in: " +
          "name a login configuration by -Djava.security.auth.login.config",
      );
    }
    if (sasl.file === undefined) return;
    try {
      sasl.users = readJaasUsers(sasl.file, sasl.section);
    } catch (cause) {
      if (!(cause instanceof JaasError)) throw cause;
      this.#findings.push(`java.security.auth.login.config: ${cause.message}`);
    }
  }

  #checkTogether(): void {
    try {
      resolveOptions(this.#config.options);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      this.#findings.push(cause.message);
    }
  }

  #take(setting: Setting, name: string): void {
    const { key: written, value, source } = setting;
    this.#properties.set(PREFIX + name, SECRET.test(name) ? HIDDEN : value);
    const key = KEYS.get(name) ?? KEYS.get(name.replace(/\.[^.]+$/, ".n"));
    if (key !== undefined) {
      this.#honoured.add(name);
      if (key.apply(this.#config, value, name)) return;
      this.#findings.push(`${source}: ${written}=${value}: ${name} must be ${key.rule}`);
      return;
    }
    if (this.#serverLines.take(setting, name)) return;
    const refusal = reasonFor(name, REFUSED);
    if (refusal !== undefined) {
      // A rule that is switched off asks for nothing.
      if (value !== "false") this.#findings.push(`${source}: ${written}=${value}: ${refusal}`);
      return;
    }
    const reason = reasonFor(name, NOT_APPLICABLE);
    if (reason !== undefined) {
      this.#ignore(reason, written);
      return;
    }
    const guess = nearest(name.replace(PREFIX, ""), NAMES);
    const hint = guess === undefined ? "" : `; did you mean ${guess}?`;
    this.#unknown.push(`${source}: unknown key ${written}${hint}`);
  }

  #ignore(reason: string, key: string): void {
    const keys = this.#notApplicable.get(reason);
    if (keys === undefined) this.#notApplicable.set(reason, new Set([key]));
    else keys.add(key);
  }
}

const SECRET = /password$|digest$/i;
const HIDDEN = "(hidden)";

/** The text of a `zoo.cfg` with what nobody should read taken out. */
function hideSecrets(text: string): string {
  return text.replace(/^(\s*[^#!\s=:]*(?:password|digest)\s*[=:\s]).*$/gim, `$1${HIDDEN}`);
}
