import { test } from "uvu";
import { tcpDialer } from "../../client/transports/tcp.ts";
import { NodeTcpTransport } from "../../transports/tcp/mod.ts";
import { testTransport } from "../conformance/transport.ts";

const host = "127.0.0.1";

testTransport({
  test,
  make: () => new NodeTcpTransport({ port: 0, host }),
  makeAt: (port) => new NodeTcpTransport({ port, host }),
  dialer: ({ port }) => tcpDialer(host, port),
});

test.run();
