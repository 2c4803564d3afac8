import type { Token } from "../core/contracts/token.ts";
import { Container } from "../core/kernel/container.ts";
import type { Plugin } from "../core/kernel/plugin.ts";

/**
 * The same plugin, with another object in place of the one that it binds to `target`: how a test
 * looks at a part of a server, or breaks it.
 */
export function replaced<T>(plugin: Plugin, target: Token<T>, wrap: (inner: T) => T): Plugin {
  return {
    ...plugin,
    register: (container) => plugin.register(wrapping(container, target, wrap)),
  };
}

/** Binds in `container`, except that what is bound to `target` is wrapped. */
function wrapping<T>(container: Container, target: Token<T>, wrap: (inner: T) => T): Container {
  const proxy = new Container();
  proxy.get = (token) => container.get(token);
  proxy.all = (token) => container.all(token);
  proxy.value = (token, instance) => proxy.provide(token, () => instance);
  proxy.provide = (token, make) => {
    if (token !== (target as symbol)) return container.provide(token, make);
    container.provide(target, () => wrap(make() as unknown as T));
  };
  return proxy;
}
