import { test } from "uvu";
import { tcpDialer } from "../../client/transports/tcp.ts";
import { makeTcpTransport } from "../../transports/tcp/mod.ts";
import { testTransport } from "../conformance/transport.ts";

const host = "127.0.0.1";

testTransport({
  test,
  make: () => makeTcpTransport({ port: 0, host }),
  makeAt: (port) => makeTcpTransport({ port, host }),
  dialer: ({ port }) => tcpDialer(host, port),
});

test.run();
