// Run in an application's folder: the TCP transport of the installed package passes the suite, and
// sends with two threads, which a clone's does on a runtime that reads TypeScript alone.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const requireHere = createRequire(join(process.cwd(), "package.json"));
const load = (name) => import(requireHere.resolve(name));
const { testTransport } = await load("zookit/conformance");
const { NodeTcpTransport } = await load("zookit/transports/tcp");
const { tcpDialer } = await load("zookit/client");
const host = "127.0.0.1";
let ahead = 0;

class ObservedTransport extends NodeTcpTransport {
  listen(accept) {
    return super.listen((connection) => {
      const write = connection.write.bind(connection);
      connection.write = (bytes) => {
        if (connection.sentAhead > 0) ahead += 1;
        return write(bytes);
      };
      return accept(connection);
    });
  }
}

testTransport({
  test,
  make: () => new ObservedTransport({ port: 0, host }),
  makeAt: (port) => new ObservedTransport({ port, host }),
  dialer: ({ port }) => tcpDialer(host, port),
});

test("the second thread of the package was there", () => {
  assert.ok(ahead > 0 || availableParallelism() === 1, "nothing was sent ahead");
});
