import assert from "node:assert/strict";
import { type Dialer, type Transport, TransportError } from "../../core/contracts/transport.ts";
import { testDestroying, testEnding } from "./transport_ending.ts";
import { testFanOut } from "./transport_fan_out.ts";
import { type End, ends, Listener, type Pair, pattern, type Using } from "./transport_pair.ts";

/** What the suite needs to know of an implementation. */
export interface TransportFixture {
  /** The runner's `test`. */
  readonly test: (name: string, run: () => Promise<void>) => void;
  /** A transport that does not listen yet, on a free port where there are ports. */
  readonly make: () => Transport;
  /** Opens connections to a transport of {@link make} that listens. */
  readonly dialer: (transport: Transport) => Dialer;
  /** A transport on this very port; left out where there are no ports. */
  readonly makeAt?: (port: number) => Transport;
  /** False where `end()` closes both directions. Default true. */
  readonly hasHalfClose?: boolean;
  /** False where a dialed connection that is paused takes what comes all the same. Default true. */
  readonly dialerHoldsBack?: boolean;
}

/** Bytes that a writer may give before it must have been told to wait. */
const UNTOLD_BYTES_MAX = 64 * 1024 * 1024;
const BLOCK_BYTES = 64 * 1024;
const CONNECTIONS = 100;

/** Registers the tests that every {@link Transport} passes, together with its {@link Dialer}. */
export function testTransport(fixture: TransportFixture): void {
  const using: Using = (run) => async () => {
    const transport = fixture.make();
    const listener = new Listener(transport, () => fixture.dialer(transport));
    await listener.listen();
    try {
      await run(listener);
    } finally {
      listener.destroyAll();
      await transport.close();
    }
  };
  testListening(fixture, using);
  testDialing(fixture, using);
  testBytes(fixture, using);
  testPausing(fixture, using);
  testPressure(fixture, using);
  testEnding(fixture, using);
  testDestroying(fixture, using);
  testFanOut(fixture, using);
}

function testListening({ test, make, makeAt }: TransportFixture, using: Using): void {
  test("address and port of a Transport are empty until it listens", async () => {
    const transport = make();
    assert.equal(transport.address, "");
    assert.equal(transport.port, 0);
    await transport.listen(() => undefined);
    assert.notEqual(transport.address, "");
    assert.equal(transport.port > 0, makeAt !== undefined);
    await transport.close();
  });

  test(
    "Transport.close() ends listening and leaves connections to their users",
    using(async (listener) => {
      const { dialed, accepted } = await listener.pair();
      await listener.transport.close();
      await assert.rejects(listener.dial(), { name: "TransportError" });
      await exchange({ dialed, accepted });
      dialed.connection.destroy();
      await accepted.untilGone();
    }),
  );

  test("Transport.close() twice, or before listen(), does nothing", async () => {
    const transport = make();
    await transport.close();
    await transport.listen(() => undefined);
    await transport.close();
    await transport.close();
  });

  if (makeAt === undefined) return;
  test(
    "Transport.listen() refuses a port in use, and names it",
    using(async ({ transport: { port } }) => {
      const second = makeAt(port);
      await assert.rejects(
        second.listen(() => undefined),
        (error: unknown) => {
          assert.ok(error instanceof TransportError);
          assert.equal(error.kind, "address-in-use");
          assert.ok(error.message.includes(String(port)));
          return true;
        },
      );
      await second.close();
    }),
  );
}

function testDialing({ test, make, dialer }: TransportFixture, using: Using): void {
  test("Dialer.dial() rejects where nobody listens any more", async () => {
    const transport = make();
    await transport.listen(() => undefined);
    const nowhere = dialer(transport);
    await transport.close();
    const listener = new Listener(transport, () => nowhere);
    await assert.rejects(listener.dial(), { name: "TransportError" });
  });

  test(
    "Dialer.dial() rejects with the reason of an aborted signal",
    using(async (listener) => {
      const reason = new Error("changed my mind");
      await assert.rejects(listener.dial(AbortSignal.abort(reason)), (e) => e === reason);
    }),
  );

  test(
    "a connection that is not accepted is closed",
    using(async (listener) => {
      listener.refuses = true;
      // The dialer may learn of it before or after it has the connection.
      const dialed = await listener.dial().catch((error: unknown) => {
        assert.ok(error instanceof TransportError);
      });
      await dialed?.untilGone();
      listener.refuses = false;
      await exchange(await listener.pair());
    }),
  );

  test(
    `${CONNECTIONS} connections at once keep their bytes apart`,
    using(async (listener) => {
      const dialing = Array.from({ length: CONNECTIONS }, async (_, index) => {
        const end = await listener.dial();
        end.connection.write(new Uint8Array([index]));
        return end;
      });
      const dialed = await Promise.all(dialing);
      for (let i = 0; i < CONNECTIONS; i++) {
        const accepted = await listener.accepted();
        await accepted.untilBytes(1);
        const index = accepted.received()[0] as number;
        accepted.connection.write(new Uint8Array([index, index]));
        const end = dialed[index] as End;
        await end.untilBytes(2);
        assert.deepEqual([...end.received()], [index, index]);
        end.connection.destroy();
        await accepted.untilGone();
      }
    }),
  );

  test(
    "Connection.peer names the other side",
    using(async (listener) => {
      const { dialed, accepted } = await listener.pair();
      assert.notEqual(dialed.connection.peer.address, "");
      assert.notEqual(accepted.connection.peer.address, "");
      dialed.connection.destroy();
    }),
  );
}

function testBytes({ test }: TransportFixture, using: Using): void {
  test(
    "bytes arrive in order each way, whatever pieces they are written in",
    using(async (listener) => {
      const { dialed, accepted } = await listener.pair();
      await Promise.all([sendPieces(dialed, accepted), sendPieces(accepted, dialed)]);
      assert.ok(!dialed.events.includes("empty chunk"));
      assert.ok(!accepted.events.includes("empty chunk"));
      dialed.connection.destroy();
    }),
  );

  test(
    "bytes that were written may change once bufferedBytes is 0",
    using(async (listener) => {
      const { dialed, accepted } = await listener.pair();
      for (const [from, to] of [
        [accepted, dialed],
        [dialed, accepted],
      ] as const) {
        let buffer = new Uint8Array(20_000);
        for (let i = 0; i < 100; i++) {
          buffer.fill(i);
          await from.write(buffer);
          if (from.connection.bufferedBytes > 0) buffer = new Uint8Array(20_000);
        }
        await to.untilBytes(2_000_000);
        const received = to.received();
        assert.ok(received.every((value, at) => value === Math.floor(at / 20_000)));
      }
      dialed.connection.destroy();
    }),
  );

  test(
    "bytes written from within chunk() leave at once and in order",
    using(async (listener) => {
      const { dialed, accepted } = await listener.pair();
      accepted.onChunk = (bytes) => accepted.connection.write(bytes.slice());
      await sendPieces(dialed, dialed);
      dialed.connection.destroy();
      await accepted.untilGone();
    }),
  );
}

function testPausing({ test }: TransportFixture, using: Using): void {
  test(
    "pause() stops chunks until resume(), which delivers them in order",
    using(async (listener) => {
      for (const end of ["accepted", "dialed"] as const) {
        const pair = await listener.pair();
        const [reader, writer] = ends(pair, end);
        reader.connection.pause();
        writer.connection.write(pattern(1_000));
        writer.connection.write(pattern(1_000, 1_000));
        await listener.letPass();
        assert.equal(reader.receivedBytes, 0);
        reader.connection.resume();
        await reader.untilBytes(2_000);
        assert.deepEqual(reader.received(), pattern(2_000));
        writer.connection.destroy();
        await reader.untilGone();
      }
    }),
  );

  test(
    "pause() from within chunk() stops those that wait already",
    using(async (listener) => {
      for (const end of ["accepted", "dialed"] as const) {
        const [reader, writer] = ends(await listener.pair(), end);
        let isPaused = false;
        const received: number[] = [];
        reader.onChunk = (bytes) => {
          assert.equal(isPaused, false);
          received.push(...bytes);
          isPaused = true;
          reader.connection.pause();
          setTimeout(() => {
            isPaused = false;
            reader.connection.resume();
          }, 1);
        };
        for (let i = 0; i < 50; i++) writer.connection.write(pattern(100, 100 * i));
        await reader.untilBytes(5_000);
        assert.deepEqual(Uint8Array.from(received), pattern(5_000));
        writer.connection.destroy();
      }
    }),
  );
}

function testPressure(fixture: TransportFixture, using: Using): void {
  const { test, dialerHoldsBack = true } = fixture;
  const readers = dialerHoldsBack ? (["accepted", "dialed"] as const) : (["accepted"] as const);
  test(
    "write() returns false when the reader pauses, and writable() follows when all has left",
    using(async (listener) => {
      for (const end of readers) {
        const [reader, writer] = ends(await listener.pair(), end);
        reader.connection.pause();
        const sentBytes = await fill(writer, listener);
        assert.equal(reader.receivedBytes, 0);
        assert.ok(writer.connection.bufferedBytes > 0);
        const before = writer.count("writable");
        reader.connection.resume();
        await writer.until("writable()", () => writer.count("writable") > before);
        assert.equal(writer.connection.bufferedBytes, 0);
        await reader.untilBytes(sentBytes);
        assert.deepEqual(reader.received(), pattern(sentBytes));
        writer.connection.destroy();
        await reader.untilGone();
      }
    }),
  );

  if (!dialerHoldsBack) return;
  test(
    "closed() reaches a paused connection that waits for writable() when the other side leaves",
    using(async (listener) => {
      const { dialed, accepted } = await listener.pair();
      dialed.connection.pause();
      dialed.connection.write(pattern(10));
      await accepted.untilBytes(10);
      accepted.connection.pause();
      dialed.connection.write(pattern(10));
      await fill(accepted, listener);
      dialed.connection.destroy();
      await accepted.untilGone();
      assert.equal(accepted.count("closed"), 1);
      assert.equal(accepted.receivedBytes, 10);
    }),
  );
}

async function exchange({ dialed, accepted }: Pair): Promise<void> {
  for (const [from, to] of [
    [dialed, accepted],
    [accepted, dialed],
  ] as const) {
    const before = to.receivedBytes;
    from.connection.write(pattern(10));
    await to.untilBytes(before + 10);
  }
}

/** Writes pieces of many sizes to one end, and compares with what comes out of the other. */
async function sendPieces(from: End, to: End): Promise<void> {
  const sizes = [1, 0, 3, 4, 1_000, 65_535, 65_536, 200_000, 1, 5, 1_048_579, 2];
  let sentBytes = 0;
  for (const sizeBytes of sizes) {
    await from.write(pattern(sizeBytes, sentBytes));
    sentBytes += sizeBytes;
  }
  await to.untilBytes(sentBytes);
  assert.deepEqual(to.received(), pattern(sentBytes));
}

/** Writes until told to wait, and for good. @returns how many bytes that took. */
async function fill(writer: End, listener: Listener): Promise<number> {
  let sentBytes = 0;
  while (sentBytes < UNTOLD_BYTES_MAX) {
    const before = writer.count("writable");
    const goesOn = writer.connection.write(pattern(BLOCK_BYTES, sentBytes));
    sentBytes += BLOCK_BYTES;
    if (goesOn) continue;
    await listener.letPass(); // What stands between the two sides takes something too.
    const isStuck = writer.count("writable") === before && writer.connection.bufferedBytes > 0;
    if (isStuck) return sentBytes;
    await writer.until("writable()", () => writer.count("writable") > before);
  }
  assert.fail(`write() took ${sentBytes} bytes while the reader was paused`);
}
