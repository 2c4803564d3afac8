import {
  arch,
  freemem,
  homedir,
  hostname,
  release,
  tmpdir,
  totalmem,
  type,
  userInfo,
} from "node:os";
import { SERVER_VERSION } from "./version.ts";

/**
 * What `envi` prints, in Apache's order and under its keys, which name Java: tools look for them.
 * The runtime stands where Java would.
 */
export function environment(): [key: string, value: string][] {
  const runtime = runtimeVersion();
  const { rss } = process.memoryUsage();
  return [
    ["zookeeper.version", SERVER_VERSION],
    ["host.name", hostname()],
    ["java.version", runtime.version],
    ["java.vendor", runtime.name],
    ["java.home", process.execPath],
    ["java.class.path", process.argv[1] ?? ""],
    ["java.library.path", ""],
    ["java.io.tmpdir", tmpdir()],
    ["java.compiler", "<NA>"],
    ["os.name", type()],
    ["os.arch", arch()],
    ["os.version", release()],
    ["user.name", userName()],
    ["user.home", homedir()],
    ["user.dir", process.cwd()],
    ["os.memory.free", megabytes(freemem())],
    ["os.memory.max", megabytes(totalmem())],
    ["os.memory.total", megabytes(rss)],
  ];
}

function runtimeVersion(): { readonly name: string; readonly version: string } {
  const { bun, deno, node } = process.versions as Readonly<Record<string, string | undefined>>;
  if (bun !== undefined) return { name: "Bun", version: bun };
  if (deno !== undefined) return { name: "Deno", version: deno };
  return { name: "Node.js", version: node ?? "" };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return ""; // In a container the user may have a number and no name.
  }
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1_048_576)}MB`;
}
