import assert from "node:assert/strict";
import type { TransportFixture } from "./transport.ts";
import { ends, pattern, type Using } from "./transport_pair.ts";

/** Registers the tests of how a side says that it has no more to write. */
export function testEnding({ test, hasHalfClose = true }: TransportFixture, using: Using): void {
  test(
    "end() sends all that was written, then tells the other side ended()",
    using(async (listener) => {
      for (const end of ["accepted", "dialed"] as const) {
        const [reader, writer] = ends(await listener.pair(), end);
        for (let i = 0; i < 20; i++) writer.connection.write(pattern(50_000, 50_000 * i));
        writer.connection.end();
        writer.connection.write(new Uint8Array([1, 2, 3]));
        await reader.until("ended()", () => reader.count("ended") > 0 || reader.isClosed);
        assert.deepEqual(reader.received(), pattern(1_000_000));
        reader.connection.end();
        await Promise.all([reader.untilClosed(), writer.untilClosed()]);
        assert.equal(reader.count("closed"), 1);
        assert.equal(writer.count("closed"), 1);
      }
    }),
  );

  if (!hasHalfClose) return;
  test(
    "after end() the other side may still write, and both are closed when it ends too",
    using(async (listener) => {
      for (const end of ["accepted", "dialed"] as const) {
        const [reader, writer] = ends(await listener.pair(), end);
        writer.connection.end();
        await reader.until("ended()", () => reader.count("ended") > 0);
        await listener.letPass();
        assert.equal(reader.isClosed, false);
        await reader.write(pattern(100_000));
        reader.connection.end();
        await Promise.all([reader.untilClosed(), writer.untilClosed()]);
        assert.deepEqual(writer.received(), pattern(100_000));
        assert.equal(writer.count("closed"), 1);
        assert.deepEqual(reader.events.at(-1), "closed");
      }
    }),
  );
}

/** Registers the tests of how a connection is given up. */
export function testDestroying({ test }: TransportFixture, using: Using): void {
  test(
    "destroy() on either side ends both, and each hears closed() once and last",
    using(async (listener) => {
      for (const end of ["accepted", "dialed"] as const) {
        const [near, far] = ends(await listener.pair(), end);
        near.connection.destroy();
        near.connection.destroy();
        await Promise.all([near.untilClosed(), far.untilGone()]);
        far.connection.destroy();
        await listener.letPass();
        for (const { events } of [near, far]) {
          assert.equal(events.filter((event) => event.includes("closed")).length, 1);
          assert.equal(events.at(-1), "closed");
        }
      }
    }),
  );

  test(
    "a destroyed Connection takes every call and does nothing",
    using(async (listener) => {
      const pair = await listener.pair();
      for (const { connection } of [pair.dialed, pair.accepted]) {
        connection.destroy();
        assert.equal(connection.write(pattern(1_000_000)), true);
        connection.pause();
        connection.resume();
        connection.end();
        assert.equal(connection.bufferedBytes, 0);
      }
      await Promise.all([pair.dialed.untilClosed(), pair.accepted.untilClosed()]);
      assert.equal(pair.dialed.receivedBytes + pair.accepted.receivedBytes, 0);
    }),
  );

  test(
    "no chunk comes after destroy() from within chunk()",
    using(async (listener) => {
      const { dialed, accepted } = await listener.pair();
      accepted.onChunk = () => accepted.connection.destroy();
      for (let i = 0; i < 50; i++) dialed.connection.write(pattern(100));
      await Promise.all([dialed.untilGone(), accepted.untilClosed()]);
      assert.equal(accepted.chunkCount, 1);
    }),
  );
}
