/** A storage for Zookit that keeps everything in one file of JSON lines. */
import { type Plugin, STORAGE } from "zookit";
import { JsonLinesStorage } from "./json_lines_storage.ts";

export { JsonLinesStorage } from "./json_lines_storage.ts";

/** Where the journal is. */
export interface JsonLinesOptions {
  /** The file; made when it is not there. */
  readonly path: string;
}

/** Keeps log, tree and epochs in a journal that any text tool can read. */
export function jsonLinesStorage({ path }: JsonLinesOptions): Plugin {
  return {
    name: "storage-json-lines",
    provides: [STORAGE],
    requires: [],
    register: (container) => container.provide(STORAGE, () => new JsonLinesStorage(path)),
  };
}
