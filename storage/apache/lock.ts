import { createHash } from "node:crypto";
import { link, realpath, rename } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StorageError } from "../../core/contracts/storage.ts";
import { OWN_FILES, removeFile } from "./layout.ts";

/** Longest name of a socket that every system takes. */
const NAME_BYTES_MAX = 100;

/**
 * A folder held against a second server. A listening socket ends with its process, however that
 * ends; whoever can connect to it knows that the folder is in use.
 */
export class FolderLock {
  readonly #server: Server;
  readonly #path: string;

  private constructor(server: Server, path: string) {
    this.#server = server;
    this.#path = path;
  }

  /** @throws {StorageError} `locked`. */
  static async take(folder: string): Promise<FolderLock> {
    const path = await nameOf(folder);
    let server = await listen(path);
    if (server === undefined) {
      await displace(path);
      server = await listen(path);
    }
    if (server === undefined) throw lockedError(path);
    return new FolderLock(server, path);
  }

  async release(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await removeFile(this.#path);
  }
}

/**
 * In the folder, or, when that is too long for a socket, in the one for temporary files. Whichever
 * way leads to the folder, the lock is the same.
 */
async function nameOf(folder: string): Promise<string> {
  const real = await realpath(folder);
  const path = join(real, OWN_FILES.lock);
  if (Buffer.byteLength(path) <= NAME_BYTES_MAX) return path;
  const key = createHash("sha256").update(real).digest("hex").slice(0, 32);
  return join(tmpdir(), `${OWN_FILES.lock}.${key}`);
}

/** Moves away what a dead server left; renaming gives each such file to one of many who try. */
async function displace(path: string): Promise<void> {
  if (await answers(path)) throw lockedError(path);
  const aside = `${path}.${process.pid}`;
  await rename(path, aside).catch(() => {});
  // Another one may have been as quick: then this is its fresh socket.
  if (await answers(aside)) {
    await link(aside, path).catch(() => {});
    await removeFile(aside);
    throw lockedError(path);
  }
  await removeFile(aside);
}

function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(new StorageError("io", `${path} cannot be made`, { cause: error }));
    });
    server.listen(path, () => resolve(server.unref()));
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function lockedError(path: string): StorageError {
  return new StorageError("locked", `another server holds ${path}`);
}
