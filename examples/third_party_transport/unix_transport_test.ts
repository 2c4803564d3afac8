/** What every transport must do. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Transport } from "zookit";
import { testTransport } from "zookit/conformance";
import { UnixTransport, unixDialer } from "./mod.ts";

const folder = await mkdtemp(join(tmpdir(), "unix-transport-"));
after(() => rm(folder, { recursive: true }));
let socketCount = 0;

testTransport({
  test: (name, run) => void test(name, run),
  make: () => new UnixTransport(join(folder, `${++socketCount}.sock`)),
  dialer: (transport: Transport) => unixDialer((transport as UnixTransport).path),
  // An end from one side is answered with one from the other: a Unix domain socket whose other
  // side is destroyed looks the same.
  hasHalfClose: false,
});
