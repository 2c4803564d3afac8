/**
 * Names a contract in the container. Typed by what it provides, and equal between two installed
 * copies of this package, since it comes from `Symbol.for`.
 */
export type Token<T> = symbol & { readonly [provides]: T };

declare const provides: unique symbol;

/** The token called `name`; the same name always gives the same token. */
export function token<T>(name: string): Token<T> {
  return Symbol.for(`zookit:${name}`) as Token<T>;
}

/** The name a token was made with, for messages. */
export function tokenName(target: Token<unknown>): string {
  return (target.description ?? "").replace(/^zookit:/, "");
}
