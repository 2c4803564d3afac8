import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  QUEUE_BYTES_MAX,
  QUEUE_REQUESTS_MAX,
  RequestQueue,
} from "../../../core/server/request_queue.ts";
import { putInt } from "../../../core/wire/jute.ts";
import { randomFrom } from "../../crash/history.ts";

function request(xid: number, type: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes).fill(xid & 0xff);
  putInt(bytes, 0, xid);
  putInt(bytes, 4, type);
  return bytes;
}

test("requests leave a RequestQueue in the order they came, byte for byte", () => {
  const random = randomFrom(7);
  const queue = new RequestQueue();
  const expected: Uint8Array[] = [];
  for (let xid = 1; xid < 5_000; xid++) {
    if (random() < 0.5 && queue.count > 0) {
      const bytes = expected.shift() as Uint8Array;
      assert.equal(queue.bytes.slice(queue.headStart, queue.headEnd), bytes);
      queue.shift();
    } else {
      const bytes = request(xid, 4, 8 + Math.floor(random() * random() * 2_000));
      expected.push(bytes);
      queue.push(bytes, 0, bytes.length, xid);
    }
    assert.is(queue.count, expected.length);
  }
  for (const bytes of expected) {
    assert.is(queue.headXid, new DataView(bytes.buffer).getInt32(0));
    assert.is(queue.headArrivalMs, queue.headXid);
    queue.shift();
  }
  assert.is(queue.count, 0);
});

test("a part of a chunk may be queued, and the chunk be used again", () => {
  const queue = new RequestQueue();
  const chunk = new Uint8Array([...request(1, 2, 10), ...request(3, 4, 12)]);
  queue.push(chunk, 10, 22, 5);
  chunk.fill(0xff);
  assert.equal([queue.headXid, queue.headType, queue.headArrivalMs], [3, 4, 5]);
  assert.is(queue.headEnd - queue.headStart, 12);
});

test("a RequestQueue has no room at its bounds, and has again below them", () => {
  const many = new RequestQueue();
  const small = request(1, 2, 8);
  for (let i = 0; i < QUEUE_REQUESTS_MAX; i++) many.push(small, 0, 8, 0);
  assert.ok(!many.hasRoom);
  many.shift();
  assert.ok(many.hasRoom);
  const large = new RequestQueue();
  const big = request(1, 2, QUEUE_BYTES_MAX / 4);
  for (let i = 0; i < 4; i++) large.push(big, 0, big.length, 0);
  assert.ok(!large.hasRoom);
  large.clear();
  assert.ok(large.hasRoom && large.count === 0);
});

test.run();
