import { test } from "uvu";
import * as assert from "uvu/assert";
import { type AllowedCounts, difference } from "./compare.ts";
import type { Op } from "./program.ts";
import type { Entry, EventEntry, ReplyEntry, Transcript } from "./transcript.ts";

const setData: Op = { op: "setData", path: "@/a", data: "v", version: -1 };
const event: EventEntry = { kind: "event", type: 3, state: 3, path: "@/a", zxid: "-1" };
const reply: ReplyEntry = {
  kind: "reply",
  op: "setData",
  request: 0,
  xid: 1,
  zxid: "+5",
  err: 0,
  body: { version: 1, mzxid: "+5" },
};

function compare(op: Op, apache: readonly Entry[], zookit: readonly Entry[]): string | undefined {
  const of = (entries: readonly Entry[]): Transcript => ({
    sessions: [{ requests: [op], entries }],
    tree: [],
  });
  return difference([of(apache), of(zookit)], new Map());
}

test("difference() finds none between equal transcripts", () => {
  assert.is(compare(setData, [event, reply], [event, reply]), undefined);
});

test("difference() sees an event that comes behind the reply instead of before it", () => {
  assert.match(compare(setData, [event, reply], [reply, event]) ?? "", /answer 0/);
});

test("difference() sees an event that is missing and one that is too many", () => {
  assert.match(compare(setData, [event, reply], [reply]) ?? "", /answer 0/);
  assert.match(compare(setData, [reply], [reply, event]) ?? "", /answer 1/);
});

test("difference() sees one number of a Stat", () => {
  const other = { ...reply, body: { version: 2, mzxid: "+5" } };
  assert.match(compare(setData, [reply], [other]) ?? "", /"version":2/);
});

test("difference() sees a zxid that was not consumed", () => {
  assert.match(compare(setData, [reply], [{ ...reply, zxid: "+4" }]) ?? "", /\+4/);
});

test("difference() sees a node that only one tree has", () => {
  const trees: [Transcript, Transcript] = [
    { sessions: [], tree: ["@", "@/a"] },
    { sessions: [], tree: ["@"] },
  ];
  const counts: AllowedCounts = new Map();
  assert.match(difference(trees, counts) ?? "", /final tree/);
});

test("an event may carry its zxid here and -1 on Apache, but not the other way round", () => {
  const told = { ...event, zxid: "+5" };
  assert.is(compare(setData, [event], [told]), undefined);
  assert.match(compare(setData, [told], [event]) ?? "", /answer 0/);
});

test("an exists that lacks READ may be refused here, but a missing node must be told", () => {
  const exists: Op = { op: "exists", path: "@/a", watch: false };
  const found = { ...reply, op: "exists" };
  const refused = { ...found, err: -102, body: null };
  const absent = { ...found, err: -101, body: null };
  assert.is(compare(exists, [found], [refused]), undefined);
  assert.match(compare(exists, [absent], [refused]) ?? "", /answer 0/);
  assert.match(compare(exists, [refused], [found]) ?? "", /answer 0/);
});

test("the watch of such an exists may fire on Apache alone, and only once", () => {
  const exists: Op = { op: "exists", path: "@/a", watch: true };
  const found = { ...reply, op: "exists" };
  const refused = { ...found, err: -102, body: null };
  assert.is(compare(exists, [found, event], [refused]), undefined);
  assert.match(compare(exists, [found, event, event], [refused]) ?? "", /answer 2/);
});

test.run();
