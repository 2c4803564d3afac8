const CHUNK_CHARS = 64 * 1024;

/** Writes lines to standard output as fast as it takes them; ends early when it is closed. */
export async function printLines(lines: AsyncIterable<string>): Promise<void> {
  let chunk = "";
  for await (const line of lines) {
    chunk += `${line}\n`;
    if (chunk.length < CHUNK_CHARS) continue;
    if (!(await write(chunk))) return;
    chunk = "";
  }
  await write(chunk);
}

/** @returns whether the other end, a pager as it may be, is still there. */
function write(text: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      if (error.code === "EPIPE") resolve(false);
      else reject(error);
    };
    process.stdout.once("error", failed);
    process.stdout.write(text, (error) => {
      if (error) return failed(error);
      process.stdout.off("error", failed);
      resolve(true);
    });
  });
}
