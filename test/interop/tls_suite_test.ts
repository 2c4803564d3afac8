import { test } from "uvu";
import { tlsDialer } from "../../client/transports/tls.ts";
import { testTransport } from "../conformance/transport.ts";
import { HOST, TlsFixture } from "../transports/tls_fixture.ts";

// Among the interop tests, which run on Node: on Deno TLS feels no back-pressure.
const fixture = new TlsFixture();

testTransport({
  test,
  make: () => fixture.transport(),
  makeAt: (port) => fixture.transport({ port }),
  dialer: ({ port }) => tlsDialer(HOST, port, fixture.client("client")),
});

test.after(() => fixture.remove());

test.run();
