import type { AdminValue } from "../../core/contracts/admin.ts";

/** Text of a value, laid out as Apache's admin server does: two blanks deep, ` : `, `[ 1, 2 ]`. */
export function formatJson(value: AdminValue, indent = ""): string {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "null";
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isList(value)) {
    if (value.length === 0) return "[ ]";
    return `[ ${value.map((one) => formatJson(one, indent)).join(", ")} ]`;
  }
  const entries = entriesOf(value);
  if (entries.length === 0) return "{ }";
  const deeper = `${indent}  `;
  const lines = entries.map(([key, one]) => {
    return `${deeper}${JSON.stringify(key)} : ${formatJson(one, deeper)}`;
  });
  return `{\n${lines.join(",\n")}\n${indent}}`;
}

/** The members of an object or map, in order. */
export function entriesOf(
  value: { readonly [key: string]: AdminValue } | ReadonlyMap<string, AdminValue>,
): [key: string, value: AdminValue][] {
  return value instanceof Map ? [...value] : Object.entries(value);
}

function isList(value: AdminValue): value is readonly AdminValue[] {
  return Array.isArray(value);
}
