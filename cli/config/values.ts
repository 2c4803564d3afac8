import * as v from "valibot";

/** How a value is written: its check and meaning, and the rule in words for messages and docs. */
export interface ValueKind<T> {
  readonly schema: v.GenericSchema<string, T>;
  /** Completes "must be …". */
  readonly rule: string;
}

/** A whole number within bounds. */
export function whole(min: number, max: number = Number.MAX_SAFE_INTEGER): ValueKind<number> {
  const isOpen = max === Number.MAX_SAFE_INTEGER;
  return {
    schema: numberLike(/^[-+]?\d+$/, min, max),
    rule: isOpen ? `a whole number, at least ${min}` : `a whole number from ${min} to ${max}`,
  };
}

/** A number within bounds, with a decimal point or without. */
export function fraction(min: number, max: number): ValueKind<number> {
  return {
    schema: numberLike(/^\d*\.?\d+$/, min, max),
    rule: `a number from ${min} to ${max}`,
  };
}

function numberLike(form: RegExp, min: number, max: number): v.GenericSchema<string, number> {
  const read = v.transform<string, number>(Number);
  return v.pipe(v.string(), v.regex(form), read, v.minValue(min), v.maxValue(max));
}

/** Exactly `true` or `false`, as Apache 3.5 and later demand. */
export const FLAG: ValueKind<boolean> = {
  schema: v.pipe(
    v.string(),
    v.toLowerCase(),
    v.picklist(["true", "false"]),
    v.transform((text) => text === "true"),
  ),
  rule: "true or false",
};

/** `yes` or `no`, with `true` and `false` besides. */
export const YES_NO: ValueKind<boolean> = {
  schema: v.pipe(
    v.string(),
    v.toLowerCase(),
    v.picklist(["yes", "no", "true", "false"]),
    v.transform((text) => text === "yes" || text === "true"),
  ),
  rule: "yes or no",
};

/** Text of at least one character. */
export const TEXT: ValueKind<string> = {
  schema: v.pipe(v.string(), v.nonEmpty()),
  rule: "not empty",
};

/** Names parted by commas; may be empty. */
export const LIST: ValueKind<string[]> = {
  schema: v.pipe(
    v.string(),
    v.transform((text) => namesIn(text).filter((name) => name !== "")),
  ),
  rule: "names parted by commas",
};

/** What commas part, without the blanks around it. */
export function namesIn(text: string): string[] {
  return text.split(",").map((name) => name.trim());
}

/** One of some words. */
export function oneOf<T extends string>(...words: readonly [T, ...T[]]): ValueKind<T> {
  return { schema: v.pipe(v.string(), v.picklist(words)), rule: words.join(" or ") };
}
