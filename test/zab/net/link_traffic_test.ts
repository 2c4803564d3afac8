import { test } from "uvu";
import * as assert from "uvu/assert";
import type { QuorumPacket } from "../../../plugins/zab/messages.ts";
import { LinkTraffic } from "../../../plugins/zab/net/link_traffic.ts";

const ping = (zxid: number): QuorumPacket => ({ kind: "ping", zxid, touched: undefined });

test("reset() counts packets anew, and those that wait still wait", () => {
  const traffic = new LinkTraffic(7);
  traffic.noteSent(ping(5));
  traffic.noteTaken();
  traffic.noteSent(ping(6));
  traffic.noteSent(ping(7));
  traffic.received = 4;
  traffic.requests = 1;
  traffic.reset();
  assert.equal([traffic.sent, traffic.received, traffic.requests, traffic.queued], [0, 0, 0, 2]);
  assert.equal([traffic.establishedMs, traffic.lastZxid], [7, 7]);
  traffic.noteSent(ping(8));
  assert.equal([traffic.sent, traffic.queued], [1, 3]);
  traffic.noteTaken();
  assert.is(traffic.queued, 0);
});

test.run();
