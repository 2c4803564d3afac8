import type { Txn, TxnBody } from "../core/tree/txn.ts";
import { OPCODES } from "../core/wire/opcodes.ts";
import type { Acl } from "../core/wire/records.ts";
import { SessionId } from "../core/wire/session_id.ts";
import { formatZxid } from "../core/wire/zxid.ts";

/** What a transaction is shown as: JSON's values, in the order in which they are printed. */
export type TxnFields = Record<string, unknown>;

const NAMES = new Map<number, string>(Object.entries(OPCODES).map(([name, code]) => [code, name]));

/** The fields of a transaction. @param withData whether values of znodes are among them. */
export function txnFields({ header, body, digest }: Txn, withData: boolean): TxnFields {
  return {
    zxid: `0x${formatZxid(header.zxid)}`,
    time: new Date(header.timeMs).toISOString(),
    session: new SessionId(header.sessionHigh, header.sessionLow).toString(),
    cxid: header.cxid,
    ...bodyFields(body, withData),
    ...(digest && { digest: digestText(digest.high, digest.low) }),
  };
}

/** A tree digest as the `hash` word prints it, in hexadecimal. */
function digestText(high: number, low: number): string {
  const hex = (half: number): string => (half >>> 0).toString(16).padStart(8, "0");
  return hex(high) + hex(low);
}

function bodyFields(body: TxnBody, withData: boolean): TxnFields {
  const { type, ...rest } = body;
  const fields: TxnFields = { type: NAMES.get(type) ?? type };
  for (const [name, value] of Object.entries(rest)) {
    if (name === "data") Object.assign(fields, dataFields(value as Uint8Array | null, withData));
    else if (name === "acls") fields["acl"] = (value as readonly Acl[]).map(aclText);
    else if (name === "txns") {
      fields["txns"] = (value as TxnBody[]).map((txn) => bodyFields(txn, withData));
    } else if (value !== false && !(name === "ttlMs" && value === 0)) fields[name] = value;
  }
  return fields;
}

/** The size of a znode's data and, when asked for, the data itself. */
export function dataFields(data: Uint8Array | null, withData: boolean): TxnFields {
  if (data === null) return { dataBytes: -1 };
  if (!withData) return { dataBytes: data.length };
  const base64 = Buffer.from(data.buffer, data.byteOffset, data.length).toString("base64");
  return { dataBytes: data.length, data: base64 };
}

/** An entry of an access control list as `zkCli` takes it. */
export function aclText({ scheme, id, perms }: Acl): string {
  const letters = [..."rwcda"].filter((_, bit) => (perms & (1 << bit)) !== 0).join("");
  return `${scheme}:${id}:${letters}`;
}

/** Fields as words of one line: the first ones bare, the others with their names. */
export function fieldsText(fields: TxnFields, bare: readonly string[]): string {
  const words = Object.entries(fields).map(([name, value]) => {
    const text = valueText(value);
    return bare.includes(name) ? text : `${name}=${text}`;
  });
  return words.join(" ");
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    return fieldsText(value as TxnFields, ["type", "path"]);
  }
  return String(value);
}
