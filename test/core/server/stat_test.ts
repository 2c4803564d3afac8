import { test } from "uvu";
import * as assert from "uvu/assert";
import { settle } from "../manual_clock.ts";
import { startServer } from "./fixture.ts";
import * as frames from "./frames.ts";
import { Line } from "./line.ts";

test("every answer has its Stat, also the one at which the buffer of answers grows", async () => {
  const { server } = await startServer();
  const { line } = await Line.open(server);
  await line.ask(frames.create(1, "/a"));
  for (const count of [100, 5_000]) {
    line.send(...Array.from({ length: count }, (_, xid) => frames.exists(xid, "/a")));
    await settle();
    const replies = line.take();
    assert.is(replies.length, count);
    assert.is(new Set(replies.map(({ body }) => body.join())).size, 1);
  }
  await server.stop();
});

test.run();
