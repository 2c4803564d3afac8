import { z } from "zod";

/** How a value is written: its check and meaning, and the rule in words for messages and docs. */
export interface ValueKind<T> {
  readonly schema: z.ZodType<T, string>;
  /** Completes "must be …". */
  readonly rule: string;
}

/** A whole number within bounds. */
export function whole(min: number, max: number = Number.MAX_SAFE_INTEGER): ValueKind<number> {
  const isOpen = max === Number.MAX_SAFE_INTEGER;
  return {
    schema: z
      .string()
      .regex(/^[-+]?\d+$/)
      .transform(Number)
      .pipe(z.number().int().min(min).max(max)),
    rule: isOpen ? `a whole number, at least ${min}` : `a whole number from ${min} to ${max}`,
  };
}

/** A number within bounds, with a decimal point or without. */
export function fraction(min: number, max: number): ValueKind<number> {
  return {
    schema: z
      .string()
      .regex(/^\d*\.?\d+$/)
      .transform(Number)
      .pipe(z.number().min(min).max(max)),
    rule: `a number from ${min} to ${max}`,
  };
}

/** Exactly `true` or `false`, as Apache 3.5 and later demand. */
export const FLAG: ValueKind<boolean> = {
  schema: z
    .string()
    .toLowerCase()
    .pipe(z.enum(["true", "false"]))
    .transform((text) => text === "true"),
  rule: "true or false",
};

/** `yes` or `no`, with `true` and `false` besides. */
export const YES_NO: ValueKind<boolean> = {
  schema: z
    .string()
    .toLowerCase()
    .pipe(z.enum(["yes", "no", "true", "false"]))
    .transform((text) => text === "yes" || text === "true"),
  rule: "yes or no",
};

/** Text of at least one character. */
export const TEXT: ValueKind<string> = { schema: z.string().min(1), rule: "not empty" };

/** Names parted by commas; may be empty. */
export const LIST: ValueKind<string[]> = {
  schema: z.string().transform((text) => {
    return text
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "");
  }),
  rule: "names parted by commas",
};

/** One of some words. */
export function oneOf<T extends string>(...words: readonly [T, ...T[]]): ValueKind<T> {
  return { schema: z.enum(words), rule: words.join(" or ") };
}
