import type { AdminRequest } from "../../core/contracts/admin.ts";

/** A body that says one thing is no longer than this. */
const BODY_BYTES_MAX = 1024;

/**
 * One member of the JSON object in a body; undefined when it is not there, or the body is no JSON
 * or longer than 1 KiB.
 */
export async function readMember(body: AdminRequest["body"], name: string): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.length;
    if (sizeBytes > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  try {
    const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    return (parsed as Readonly<Record<string, unknown>> | null)?.[name];
  } catch {
    return undefined; // Not JSON: the answer says what would be.
  }
}
