import { copyFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Storage } from "../../core/contracts/storage.ts";
import { type SqliteOptions, SqliteStorage } from "../../storage/sqlite/mod.ts";

/** Storages in directories below one temporary directory. */
export class SqliteFixture {
  readonly #root: string = mkdtempSync(join(tmpdir(), "zookit-storage-"));
  readonly #pathOf = new WeakMap<Storage, string>();
  readonly #options: Omit<SqliteOptions, "path">;

  constructor(options: Omit<SqliteOptions, "path"> = {}) {
    this.#options = options;
  }

  /** A directory of its own for one test. */
  makePath(): string {
    return mkdtempSync(join(this.#root, "s-"));
  }

  makeAt(path: string): SqliteStorage {
    const storage = new SqliteStorage({ path, ...this.#options });
    this.#pathOf.set(storage, path);
    return storage;
  }

  /** Copies the files as they are while it runs: what a kill leaves. @returns the new directory. */
  copyFiles(storage: Storage): string {
    const from = this.#pathOf.get(storage)!;
    const to = this.makePath();
    for (const name of readdirSync(from)) copyFileSync(join(from, name), join(to, name));
    return to;
  }

  readonly make = async (): Promise<Storage> => this.makeAt(this.makePath());

  readonly remake = async (storage: Storage): Promise<Storage> => {
    const path = this.copyFiles(storage);
    await storage.close();
    return this.makeAt(path);
  };

  remove(): void {
    rmSync(this.#root, { recursive: true });
  }
}
