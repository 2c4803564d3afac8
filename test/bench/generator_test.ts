/** The load generator of the benchmarks lets no wrong answer pass. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Generator } from "../../bench/generator.ts";
import { createServer, essentials, memoryStorage, tcpTransport } from "../../mod.ts";
import { SpoilingProxy } from "./spoiling_proxy.ts";

/** Behind the frames in which a connection makes its 512 znodes, before its requests end. */
const FRAME = 1_500;
const WORDS = ["--connections", "2", "--window", "8", "--count", "4000", "--seconds", "60"];
/** Bytes of an answer before its body, of the data in it with its length, of a Stat's version. */
const [HEADER, DATA, VERSION] = [16, 4 + 100, 32];

const folder = mkdtempSync(join(tmpdir(), "zookit-bench-"));
const generator = await Generator.build(folder);
const server = createServer({
  plugins: [
    ...essentials({ logLevel: "silent" }),
    memoryStorage(),
    tcpTransport({ port: 0, host: "127.0.0.1" }),
  ],
});
await server.start();
const proxy = await SpoilingProxy.start(Number(/\d+$/.exec(server.addresses[0] ?? "")?.[0]));

test.after(async () => {
  proxy.stop();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

function measure(mode: string): Promise<{ readonly count: number }> {
  const target = { ports: [proxy.port], pids: [process.pid], isConstant: false };
  return generator.measure(target, [mode, ...WORDS, "--root", `/${mode}`]);
}

for (const mode of ["get", "set", "mix", "create"]) {
  test(`${mode}: right answers are counted`, async () => {
    proxy.spoil = undefined;
    assert.is((await measure(mode)).count, 4_000);
  });
}

/** Mode, what is spoilt, byte of the answer, what the generator says. */
const SPOILT: readonly (readonly [mode: string, what: string, at: number, says: RegExp])[] = [
  ["get", "the xid", 3, /xid \d+ answered, \d+ due/],
  ["get", "the zxid", 4, /wrong zxid, it fell/],
  ["get", "the error", 15, /op 4: error/],
  ["get", "the data", HEADER + 50, /op 4, xid \d+: wrong data/],
  ["get", "the version", HEADER + DATA + VERSION + 3, /op 4, xid \d+: wrong version/],
  ["set", "the version", HEADER + VERSION + 3, /op 5, xid \d+: wrong version/],
  ["create", "the path", HEADER + 4 + 1, /op 1, xid \d+: wrong path/],
];

for (const [mode, what, at, says] of SPOILT) {
  test(`${mode}: one bit of ${what} wrong in one answer, and there is no figure`, async () => {
    proxy.spoil = { frame: FRAME, at };
    const outcome = await measure(mode).then(
      ({ count }) => `counted ${count}`,
      (error: Error) => error.message,
    );
    assert.match(outcome, says);
  });
}

test.run();
