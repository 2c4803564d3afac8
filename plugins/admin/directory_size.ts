import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** Bytes of all files in a folder and below; 0 for no folder, and for one that is not there. */
export async function directoryBytes(folder: string): Promise<number> {
  if (folder === "") return 0;
  let sum = 0;
  for (const name of await namesIn(folder)) sum += await fileBytes(join(folder, name));
  return sum;
}

async function fileBytes(path: string): Promise<number> {
  try {
    const entry = await stat(path);
    return entry.isDirectory() ? await directoryBytes(path) : entry.size;
  } catch (cause) {
    return ignoreMissing(cause, 0); // Log files come and go meanwhile.
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    return ignoreMissing(cause, []);
  }
}

function ignoreMissing<T>(cause: unknown, result: T): T {
  if ((cause as { readonly code?: unknown }).code === "ENOENT") return result;
  throw cause;
}
