import assert from "node:assert/strict";
import type { TransportFixture } from "./transport.ts";
import { type End, type Listener, type Pair, pattern, type Using } from "./transport_pair.ts";

const CONNECTIONS = 20;
/** Enough for a thread to come up meanwhile. */
const ROUNDS = 40;
const PAUSE_MS = 25;
const BLOCK_BYTES = 50_000;

/** Registers the tests of what goes to many connections; they hold without a fan-out too. */
export function testFanOut({ test }: TransportFixture, using: Using): void {
  test(
    "what a fan-out sends ahead is sent once, between what was written before and after",
    using(async (listener) => {
      const pairs = await makePairs(listener);
      for (let round = 0; round < ROUNDS; round++) {
        for (const { accepted } of pairs) await accepted.write(new Uint8Array([round, 1]));
        await writeToAll(pairs, new Uint8Array([2, 3, 4]));
        for (const { accepted } of pairs) await accepted.write(new Uint8Array([5]));
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
      const due = Array.from({ length: ROUNDS }, (_, round) => [round, 1, 2, 3, 4, 5]).flat();
      for (const { dialed } of pairs) {
        await dialed.untilBytes(due.length);
        assert.deepEqual([...dialed.received()], due);
      }
    }),
  );

  test(
    "a fan-out waits for nobody who reads slowly, and loses nothing of what is theirs",
    using(async (listener) => {
      const pairs = await makePairs(listener);
      const [slow] = pairs as [Pair, ...Pair[]];
      slow.dialed.connection.pause();
      let sentBytes = 0;
      for (let round = 0; round < 10 * ROUNDS; round++) {
        await writeToAll(pairs, pattern(BLOCK_BYTES, sentBytes), slow.accepted);
        sentBytes += BLOCK_BYTES;
        if (round % 10 === 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
      slow.dialed.connection.resume();
      for (const { dialed } of pairs) {
        await dialed.untilBytes(sentBytes);
        assert.deepEqual(dialed.received(), pattern(sentBytes));
      }
    }),
  );

  test(
    "a fan-out to connections of which one is destroyed by the other side reaches the others",
    using(async (listener) => {
      const pairs = await makePairs(listener);
      let rounds = 0;
      while (pairs.length > 1) {
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        pairs[rounds % 2]?.dialed.connection.destroy();
        await writeToAll(pairs, new Uint8Array([rounds]));
        rounds += 1;
        const [gone] = pairs.splice((rounds - 1) % 2, 1);
        await gone?.accepted.untilGone();
      }
      const [last] = pairs as [Pair];
      await last.dialed.untilBytes(rounds);
      assert.deepEqual([...last.dialed.received()], [...new Uint8Array(rounds).keys()]);
      assert.deepEqual(last.accepted.events, []);
    }),
  );
}

async function makePairs(listener: Listener): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let i = 0; i < CONNECTIONS; i++) pairs.push(await listener.pair());
  return pairs;
}

/** As a server writes to all; waits for whoever wants no more, except `slow`. */
async function writeToAll(pairs: readonly Pair[], bytes: Uint8Array, slow?: End): Promise<void> {
  const connections = pairs.map(({ accepted }) => accepted.connection);
  const free = connections.filter(({ bufferedBytes }) => bufferedBytes === 0);
  connections[0]?.fanOut?.sendAhead(free, bytes);
  for (const { accepted } of pairs) {
    const written = accepted.write(bytes);
    if (accepted !== slow) await written;
  }
}
