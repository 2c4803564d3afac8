import { test } from "uvu";
import { webSocketDialer } from "../../client/mod.ts";
import { WebSocketTransport } from "../../transports/websocket/mod.ts";
import { testTransport } from "../conformance/transport.ts";

const host = "127.0.0.1";

testTransport({
  test,
  make: () => new WebSocketTransport({ port: 0, host }),
  makeAt: (port) => new WebSocketTransport({ port, host }),
  dialer: ({ port }) => webSocketDialer(`ws://${host}:${port}/`),
  hasHalfClose: false,
  dialerHoldsBack: false,
});

test.run();
