import { test } from "uvu";
import * as assert from "uvu/assert";
import { FrameCutter } from "../../../core/wire/frame.ts";
import { putInt } from "../../../core/wire/jute.ts";

function stream(...lengths: number[]): Uint8Array {
  const all = lengths.map((length, index) => {
    const bytes = new Uint8Array(4 + length).fill(index + 1);
    putInt(bytes, 0, length);
    return [...bytes];
  });
  return new Uint8Array(all.flat());
}

function collect(goesOn: () => boolean = () => true, max?: number) {
  const frames: number[][] = [];
  const bad: number[] = [];
  const cutter = new FrameCutter(
    {
      frame(bytes, start, end) {
        frames.push([...bytes.subarray(start, end)]);
        return goesOn();
      },
      badLength: (length) => bad.push(length),
    },
    max,
  );
  return { cutter, frames, bad };
}

test("frames come out whole, however the stream is cut", () => {
  const bytes = stream(0, 3, 1, 70, 2);
  for (let size = 1; size <= bytes.length; size++) {
    const { cutter, frames } = collect();
    for (let at = 0; at < bytes.length; at += size) cutter.push(bytes.slice(at, at + size));
    assert.equal(
      frames.map(({ length }) => length),
      [0, 3, 1, 70, 2],
      `chunks of ${size}`,
    );
    assert.equal(new Set(frames[3]), new Set([4]));
    assert.is(cutter.keptBytes, 0);
  }
});

test("a frame that returns false stops the stream until resume()", () => {
  const { cutter, frames } = collect(() => false);
  cutter.push(stream(1, 2));
  cutter.push(stream(3));
  assert.is(frames.length, 1);
  cutter.resume();
  assert.is(frames.length, 2);
  cutter.push(stream(4));
  cutter.resume();
  cutter.resume();
  cutter.resume();
  assert.equal(
    frames.map(({ length }) => length),
    [1, 2, 3, 4],
  );
  assert.is(cutter.keptBytes, 0);
});

test("what follows a frame in the same chunk is the caller's to change", () => {
  const { cutter, frames } = collect();
  const bytes = stream(2, 2);
  const cut = bytes.slice(0, 10);
  cutter.push(cut);
  cut.fill(0);
  cutter.push(bytes.subarray(10));
  assert.equal(frames, [
    [1, 1],
    [2, 2],
  ]);
});

test("a length that is negative or above the limit ends the stream", () => {
  for (const length of [-1, 11]) {
    const { cutter, frames, bad } = collect(undefined, 10);
    const head = new Uint8Array(4);
    putInt(head, 0, length);
    cutter.push(stream(10));
    cutter.push(head);
    cutter.push(stream(1));
    assert.is(frames.length, 1);
    assert.equal(bad, [length]);
  }
});

/** How many bytes are set from arrays to arrays meanwhile. */
function copiedBytes(work: () => void): number {
  const { set } = Uint8Array.prototype;
  let copied = 0;
  Uint8Array.prototype.set = function (from, at) {
    copied += from.length;
    set.call(this, from, at);
  };
  try {
    work();
  } finally {
    Uint8Array.prototype.set = set;
  }
  return copied;
}

test("a large frame in small chunks is copied a bounded number of times", () => {
  const { cutter, frames } = collect(undefined, 1 << 25);
  const sizeBytes = 1 << 24;
  const head = new Uint8Array(4);
  putInt(head, 0, sizeBytes);
  cutter.push(head);
  const chunk = new Uint8Array(1 << 14);
  const copied = copiedBytes(() => {
    for (let sent = 0; sent < sizeBytes - chunk.length; sent += chunk.length) cutter.push(chunk);
  });
  assert.ok(copied >= sizeBytes - chunk.length && copied < 4 * sizeBytes, `${copied}`);
  assert.is(cutter.keptBytes, 4 + sizeBytes - chunk.length);
  assert.is(frames.length, 0);
});

test.run();
