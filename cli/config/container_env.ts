import { existsSync } from "node:fs";
import { join } from "node:path";
import { nearest } from "../../core/server/nearest.ts";
import { parseDefinition, type Setting } from "./properties.ts";

/** The environment, as `process.env` has it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables of Apache's official container image and the keys that it writes for them. */
export const CONTAINER_VARIABLES: readonly (readonly [variable: string, key: string])[] = [
  ["ZOO_DATA_DIR", "dataDir"],
  ["ZOO_DATA_LOG_DIR", "dataLogDir"],
  ["ZOO_TICK_TIME", "tickTime"],
  ["ZOO_INIT_LIMIT", "initLimit"],
  ["ZOO_SYNC_LIMIT", "syncLimit"],
  ["ZOO_AUTOPURGE_SNAPRETAINCOUNT", "autopurge.snapRetainCount"],
  ["ZOO_AUTOPURGE_PURGEINTERVAL", "autopurge.purgeInterval"],
  ["ZOO_MAX_CLIENT_CNXNS", "maxClientCnxns"],
  ["ZOO_STANDALONE_ENABLED", "standaloneEnabled"],
  ["ZOO_ADMINSERVER_ENABLED", "admin.enableServer"],
  ["ZOO_4LW_COMMANDS_WHITELIST", "4lw.commands.whitelist"],
];

/** Variables that hold lines of a `zoo.cfg`, parted by blanks. */
const LINE_VARIABLES = ["ZOO_SERVERS", "ZOO_CFG_EXTRA"];

/** The `zoo.cfg` that the official image uses when it is there. */
export function containerFile(env: Environment): string | undefined {
  const folder = env["ZOO_CONF_DIR"];
  if (folder === undefined || folder === "") return undefined;
  const file = join(folder, "zoo.cfg");
  return existsSync(file) ? file : undefined;
}

/** What the official image would write into a new `zoo.cfg`, in its order. */
export function containerSettings(env: Environment): Setting[] {
  const single = CONTAINER_VARIABLES.flatMap(([source, key]) => {
    const value = env[source]?.trim() ?? "";
    return value === "" ? [] : [{ key, value, source }];
  });
  const lines = LINE_VARIABLES.flatMap((source) => {
    const words = env[source]?.split(/\s+/).filter((word) => word !== "") ?? [];
    return words.map((word) => parseDefinition(word, source));
  });
  return [...single, ...lines];
}

/** Others that the image sets or reads. */
const OTHER_VARIABLES = [
  "CONF_DIR",
  "LOG_DIR",
  "MY_ID",
  "LOG4J_PROP",
  "DATADIR_AUTOCREATE_DISABLE",
];

/**
 * A line for each `ZOO_*` that looks like a slip of the hand. (Others may be there for reasons of
 * their own: Kubernetes names the ports of a service `zoo` so.)
 */
export function strangeVariables(env: Environment): string[] {
  const single = CONTAINER_VARIABLES.map(([variable]) => variable);
  const known = [...single, ...LINE_VARIABLES].map((name) => name.slice(4)).concat(OTHER_VARIABLES);
  return Object.keys(env).flatMap((variable) => {
    const name = variable.slice(4);
    if (!variable.startsWith("ZOO_") || known.includes(name)) return [];
    const guess = nearest(name, known);
    return guess === undefined ? [] : [`unknown variable ${variable}; did you mean ZOO_${guess}?`];
  });
}

/** Levels of Java's logging and what they are here. */
const LEVELS = {
  ALL: "debug",
  TRACE: "debug",
  DEBUG: "debug",
  INFO: "info",
  WARN: "warn",
  ERROR: "error",
  FATAL: "error",
  OFF: "silent",
} as const;

/** The level that `ZOO_LOG4J_PROP` (`INFO,CONSOLE`) of older images asks for; undefined if none. */
export function containerLogLevel(
  env: Environment,
): (typeof LEVELS)[keyof typeof LEVELS] | undefined {
  const word = (env["ZOO_LOG4J_PROP"] ?? "").split(",")[0]?.trim().toUpperCase() ?? "";
  return Object.entries(LEVELS).find(([name]) => name === word)?.[1];
}
