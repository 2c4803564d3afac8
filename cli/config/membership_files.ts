import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";

/** Keys that give way to the dynamic file, and those of which that file may name the value. */
const REPLACED = /^\s*(?:server\.|group|weight|dynamicConfigFile|peerType)/;
const CLIENT_PORT = /^\s*clientPort(?:Address)?\s*[=:\s]/;
const SECURE_PORT = /^\s*secureClientPort(?:Address)?\s*[=:\s]/;

/**
 * The members of an ensemble in files, as Apache ZooKeeper keeps them beside its `zoo.cfg`: those
 * in force in `zoo.cfg.dynamic.<version>`, to which `dynamicConfigFile` points from then on, those
 * proposed in `zoo.cfg.dynamic.next`. What `zoo.cfg` was before the first change stays in
 * `zoo.cfg.bak`; its other lines stay as they are. Each call is on disk when it returns.
 */
export class MembershipFiles {
  readonly #file: string;
  readonly #ownLine: RegExp;

  /** @param file the `zoo.cfg`. */
  constructor(file: string, serverId: number) {
    this.#file = resolve(file);
    this.#ownLine = new RegExp(`^server\\.${serverId}=[^;\\n]*(;[^;\\n]*)?(;[^;\\n]+)?$`, "m");
  }

  /**
   * Members that do not name this server are not kept: with them it could not be started again,
   * be it to join later or, when it was removed, to be looked at.
   *
   * @throws Error of `node:fs` when a file cannot be written.
   */
  keep(text: string, isInForce: boolean): void {
    const next = `${this.#file}.dynamic.next`;
    const lines = text.split("\n").sort();
    const isMember = this.#ownLine.test(text);
    if (!isInForce) return isMember ? write(next, lines.join("\n")) : undefined;
    const version = /^version=(\w+)$/m.exec(text)?.[1] ?? "0";
    if (version !== "0" && isMember) this.#point(version, lines, text);
    rmSync(next, { force: true });
    syncFolder(next);
  }

  #point(version: string, lines: readonly string[], text: string): void {
    const dynamic = `${this.#file}.dynamic.${version}`;
    write(dynamic, lines.filter((line) => !line.startsWith("version=")).join("\n"));
    const backup = `${this.#file}.bak`;
    if (!existsSync(backup)) copyFileSync(this.#file, backup);
    const [, plain, secure] = this.#ownLine.exec(text) ?? [];
    const gone = [
      REPLACED,
      ...(plain === undefined || plain === ";" ? [] : [CLIENT_PORT]),
      ...(secure === undefined ? [] : [SECURE_PORT]),
    ];
    const kept = readFileSync(this.#file, "utf8")
      .trimEnd()
      .split("\n")
      .filter((line) => !gone.some((key) => key.test(line)));
    write(this.#file, `${[...kept, `dynamicConfigFile=${dynamic}`].join("\n")}\n`);
  }
}

/** Whole or not at all, whatever happens meanwhile. */
function write(file: string, text: string): void {
  const temporary = `${file}.tmp`;
  const handle = openSync(temporary, "w");
  try {
    writeFileSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, file);
  syncFolder(file);
}

function syncFolder(file: string): void {
  const handle = openSync(dirname(file), "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
