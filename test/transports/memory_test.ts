import { test } from "uvu";
import type { Dialer } from "../../core/contracts/transport.ts";
import { SystemClock } from "../../plugins/system/mod.ts";
import { MemoryTransport } from "../../transports/memory/mod.ts";
import { testTransport } from "../conformance/transport.ts";

testTransport({
  test,
  make: () => new MemoryTransport(new SystemClock()),
  dialer: (transport) => transport as unknown as Dialer,
});

test.run();
