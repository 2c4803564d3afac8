import "reflect-metadata"; // Must come first: tsyringe throws at import time without it.
import { instanceCachingFactory, container as root } from "tsyringe";
import type { Token } from "../contracts/token.ts";

/**
 * The tokens for a constructor's parameters, in order; the compiler checks each against its type.
 */
export type TokensFor<Args extends readonly unknown[]> = {
  readonly [I in keyof Args]: Token<Args[I]>;
};

/**
 * Dependency injection as this project uses it: explicit tokens, one instance per binding, one
 * container per server. Plugins bind; only the kernel resolves, once, at start.
 */
export class Container {
  readonly #inner = root.createChildContainer();

  /** Binds `target` to one instance of a class, made when first asked for. */
  bind<T, Args extends readonly unknown[]>(
    target: Token<T>,
    make: new (...args: Args) => T,
    ...deps: TokensFor<Args>
  ): void {
    this.provide(target, () => {
      return new make(...(deps.map((dep) => this.get(dep)) as unknown as Args));
    });
  }

  /** Binds `target` to what `make` returns, called once, when first asked for. */
  provide<T>(target: Token<T>, make: () => T): void {
    this.#inner.register<T>(target, { useFactory: instanceCachingFactory(make) });
  }

  /** Binds `target` to something that exists. */
  value<T>(target: Token<T>, instance: T): void {
    this.#inner.register<T>(target, { useValue: instance });
  }

  /** The implementation of a single contract. @throws when nothing is bound. */
  get<T>(target: Token<T>): T {
    return this.#inner.resolve<T>(target);
  }

  /** Every implementation of `target`, in binding order; for contracts that may be many. */
  all<T>(target: Token<T>): T[] {
    return this.#inner.isRegistered(target) ? this.#inner.resolveAll<T>(target) : [];
  }
}
