/** How a value is written: its check and meaning, and the rule in words for messages and docs. */
export interface ValueKind<T> {
  /** What a text means; undefined when it breaks the rule. */
  readonly read: (text: string) => T | undefined;
  /** Completes "must be …". */
  readonly rule: string;
}

/** A whole number within bounds. */
export function whole(min: number, max: number = Number.MAX_SAFE_INTEGER): ValueKind<number> {
  const isOpen = max === Number.MAX_SAFE_INTEGER;
  return {
    read: (text) => (/^[-+]?\d+$/.test(text) ? within(Number(text), min, max) : undefined),
    rule: isOpen ? `a whole number, at least ${min}` : `a whole number from ${min} to ${max}`,
  };
}

/** A number within bounds, with a decimal point or without. */
export function fraction(min: number, max: number): ValueKind<number> {
  return {
    read: (text) => (/^\d*\.?\d+$/.test(text) ? within(Number(text), min, max) : undefined),
    rule: `a number from ${min} to ${max}`,
  };
}

function within(value: number, min: number, max: number): number | undefined {
  return value >= min && value <= max ? value : undefined;
}

const TRUTHS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["false", false],
]);

const ANSWERS: ReadonlyMap<string, boolean> = new Map([
  ["yes", true],
  ["no", false],
]);

/** Exactly `true` or `false`, as Apache 3.5 and later demand. */
export const FLAG: ValueKind<boolean> = {
  read: (text) => TRUTHS.get(text.toLowerCase()),
  rule: "true or false",
};

/** `yes` or `no`, with `true` and `false` besides. */
export const YES_NO: ValueKind<boolean> = {
  read: (text) => ANSWERS.get(text.toLowerCase()) ?? FLAG.read(text),
  rule: "yes or no",
};

/** Text of at least one character. */
export const TEXT: ValueKind<string> = {
  read: (text) => (text === "" ? undefined : text),
  rule: "not empty",
};

/** Names parted by commas; may be empty. */
export const LIST: ValueKind<string[]> = {
  read: (text) => {
    return text
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "");
  },
  rule: "names parted by commas",
};

/** One of some words. */
export function oneOf<T extends string>(...words: readonly [T, ...T[]]): ValueKind<T> {
  return { read: (text) => words.find((word) => word === text), rule: words.join(" or ") };
}
