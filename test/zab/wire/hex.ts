/** Bytes from hexadecimal text; white space counts for nothing, `"text"` for its bytes. */
export function fromHex(text: string): Uint8Array {
  const spelled = text.replaceAll(/"([^"]*)"/g, (_, inner: string) =>
    Buffer.from(inner).toString("hex"),
  );
  return new Uint8Array(Buffer.from(spelled.replaceAll(/\s+/g, ""), "hex"));
}

/** Hexadecimal text of bytes. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
