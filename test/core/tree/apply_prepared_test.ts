import { test } from "uvu";
import * as assert from "uvu/assert";
import type { PreparedNode } from "../../../core/tree/apply.ts";
import type { SetDataTxn, TxnBody } from "../../../core/tree/txn.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import {
  create,
  digestFromScratch,
  digestOf,
  encodeTxn,
  History,
  remove,
  setData,
  slowCrc,
  text,
} from "./history.ts";

test("apply() takes of a prepared node what is about this transaction, and no more", () => {
  const h = new History();
  h.apply(create("/a", { data: text("old") }));
  h.apply(create("/b"));
  const path = "/a";
  const set = (version: number, data: string): SetDataTxn => setData(path, text(data), version);
  const applyPrepared = (body: TxnBody, prepared: Partial<PreparedNode>): void => {
    h.zxid += 1;
    const bytes = encodeTxn(body, { zxid: h.zxid });
    const crc = slowCrc(text("/atrue")) ^ -1;
    h.applier.apply(bytes, 0, bytes.length, {
      zxid: h.zxid,
      treeNode: h.node(path),
      crc,
      ...prepared,
    });
  };
  const isTrue = (): boolean => digestOf(h.tree) === digestFromScratch(h.tree);
  applyPrepared(set(1, "true"), {});
  assert.ok(isTrue(), "the checksum it was given is right");
  applyPrepared(set(2, "false"), {});
  assert.not(isTrue(), "nor does it make its own");
  applyPrepared(set(3, "other"), { zxid: h.zxid + 2 });
  assert.ok(isTrue(), "a later transaction's is not taken");
  applyPrepared({ type: OPCODES.multi, txns: [set(4, "one"), set(5, "two")] }, {});
  assert.ok(isTrue(), "nor is one in a multi");
  h.apply(create("/c"));
  const free = h.node("/c");
  h.apply(remove("/c"));
  for (const treeNode of [-1, 0, free, h.node("/b"), h.tree.indexEnd]) {
    applyPrepared(set(6, `by ${treeNode}`), { treeNode, zxid: 0 });
    assert.equal(h.tree.data(h.node(path)), text(`by ${treeNode}`));
  }
  assert.ok(isTrue());
});

test("apply() takes the checksum of what a create made from its own preparation alone", () => {
  const h = new History();
  h.apply(create("/a"));
  const isTrueAfter = (path: string, prepared: Partial<PreparedNode>, isMulti = false): boolean => {
    h.zxid += 1;
    const txn = create(path, { data: text("true") });
    const body: TxnBody = isMulti ? { type: OPCODES.multi, txns: [txn] } : txn;
    const bytes = encodeTxn(body, { zxid: h.zxid });
    const parent = { zxid: h.zxid, treeNode: h.node("/a"), crc: 0 };
    const made = { zxid: h.zxid, treeNode: -1, crc: 0, ...prepared };
    h.applier.apply(bytes, 0, bytes.length, parent, made);
    const isTrue = digestOf(h.tree) === digestFromScratch(h.tree);
    if (!isTrue) h.apply(remove(path));
    return isTrue;
  };
  assert.ok(isTrueAfter("/a/right", { crc: slowCrc(text("/a/righttrue")) ^ -1 }));
  assert.not(isTrueAfter("/a/wrong", { crc: 1 }), "it makes its own");
  assert.ok(isTrueAfter("/a/later", { crc: 1, zxid: h.zxid + 2 }), "a later one's is taken");
  assert.ok(isTrueAfter("/a/multi", { crc: 1 }, true), "one in a multi is taken");
});

test.run();
