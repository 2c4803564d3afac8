import { test } from "uvu";
import * as assert from "uvu/assert";
import { token } from "../../../core/contracts/token.ts";
import type { CompositionError, Plugin, ServerDefinition } from "../../../mod.ts";
import { createServer, essentials, memoryStorage, memoryTransport } from "../../../mod.ts";

function plugin(name: string, provides: string[], requires: string[] = []): Plugin {
  return {
    name,
    provides: provides.map((one) => token(one)),
    requires: requires.map((one) => token(one)),
    register: () => {},
  };
}

function refusal(plugins: readonly Plugin[]): string {
  try {
    createServer({ plugins });
  } catch (error) {
    const { name, kind, message } = error as CompositionError;
    return `${name} ${kind}: ${message}`;
  }
  return "composed";
}

const GOOD = [...essentials(), memoryStorage()];

test("what every server needs composes, and transports may be many", () => {
  const named = (name: string): Plugin => ({ ...memoryTransport(), name });
  assert.is(refusal([...GOOD, named("one"), named("two")]), "composed");
});

test("a missing contract is named, with the plugins that are there", () => {
  const without = essentials();
  const message = refusal(without);
  assert.match(message, /CompositionError missing: no plugin provides storage/);
  for (const { name } of without) assert.ok(message.includes(name), name);
  assert.match(refusal([]), /missing: no plugin provides clock/);
});

test("a plugin whose requirement nobody fills is named with it", () => {
  const message = refusal([...GOOD, plugin("eager", [], ["moon-phase"])]);
  assert.match(message, /missing: plugin eager requires moon-phase, which no plugin provides/);
});

test("two plugins that fill one single contract are both named", () => {
  const message = refusal([...GOOD, plugin("other-storage", ["storage"])]);
  assert.match(message, /doubled: plugins \S*memory\S* and other-storage both provide storage/);
});

test("a plugin given twice is named", () => {
  assert.match(refusal([...GOOD, memoryStorage()]), /doubled: plugin \S*memory\S* is given twice/);
});

test("plugins that require each other are named in their circle", () => {
  const circle = [
    plugin("hen", ["a"], ["b"]),
    plugin("chick", ["c"], ["a"]),
    plugin("egg", ["b"], ["c"]),
  ];
  assert.match(
    refusal([...GOOD, ...circle]),
    /cyclic: plugins require each other: hen -> egg -> chick -> hen/,
  );
});

test("plugins register after those they require, in whatever order they are given", () => {
  const order: string[] = [];
  const noting = (one: Plugin): Plugin => ({
    ...one,
    register: (container) => {
      order.push(one.name);
      one.register(container);
    },
  });
  createServer({ plugins: [...GOOD].reverse().map(noting) });
  assert.ok(order.indexOf("standalone") > order.indexOf(memoryStorage().name), order.join());
});

test("an option out of bounds is refused by name", () => {
  for (const [name, options] of Object.entries({
    tickTimeMs: { tickTimeMs: 0 },
    serverId: { serverId: 256 },
    maxSessionTimeoutMs: { minSessionTimeoutMs: 100, maxSessionTimeoutMs: 99 },
    frameBytesMax: { frameBytesMax: 10 },
  })) {
    assert.throws(
      () => createServer({ plugins: GOOD, ...options }),
      (error: Error) => error instanceof RangeError && error.message.startsWith(`${name} must be`),
    );
  }
});

test("an option that there is not is refused, with the nearest one that there is", () => {
  for (const [options, message] of [
    [{ plugins: GOOD, ticktimeMs: 2000 }, "unknown option ticktimeMs; did you mean tickTimeMs?"],
    [{ plugin: GOOD }, "unknown option plugin; did you mean plugins?"],
    [{ plugins: GOOD, colour: "red" }, "unknown option colour"],
  ] as const) {
    assert.throws(
      () => createServer(options as unknown as ServerDefinition),
      (error: Error) => error instanceof RangeError && error.message === message,
    );
  }
});

test.run();
