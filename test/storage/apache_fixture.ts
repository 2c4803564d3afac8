import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Storage } from "../../core/contracts/storage.ts";
import { type ApacheOptions, ApacheStorage } from "../../storage/apache/mod.ts";

/** Storages in folders below one temporary folder. */
export class ApacheFixture {
  readonly #root: string = mkdtempSync(join(tmpdir(), "zookit-apache-"));
  readonly #pathOf = new WeakMap<Storage, string>();
  readonly #options: Omit<ApacheOptions, "dataDir">;

  constructor(options: Omit<ApacheOptions, "dataDir"> = {}) {
    this.#options = options;
  }

  /** A folder of its own for one test. */
  makePath(): string {
    return mkdtempSync(join(this.#root, "s-"));
  }

  makeAt(dataDir: string): ApacheStorage {
    const storage = new ApacheStorage({ dataDir, ...this.#options });
    this.#pathOf.set(storage, dataDir);
    return storage;
  }

  /** Copies the files as they are while it runs: what a kill leaves. @returns the new folder. */
  copyFiles(storage: Storage): string {
    const to = this.makePath();
    const isFile = (path: string): boolean => !path.endsWith("zookit.lock");
    cpSync(this.#pathOf.get(storage)!, to, { recursive: true, filter: isFile });
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
