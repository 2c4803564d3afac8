import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readTxn, type SubTxn, type TxnBody } from "../../../core/tree/txn.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { OPEN_ACL } from "../../../core/wire/records.ts";
import { create, encodeTxn, fromHex, refusal, withDigest } from "./history.ts";

/** Plain objects, as the reader makes them. */
function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true });
}

const path = fc.string().map((name) => `/${name}`);
const data = fc.option(fc.uint8Array());
const int = fc.integer();
const acls = fc.array(record({ perms: int, scheme: fc.string(), id: fc.string() }));
const common = { path, data, acls, parentCversion: int };
const sub: fc.Arbitrary<SubTxn> = fc.oneof(
  record({
    type: fc.constantFrom(OPCODES.create, OPCODES.create2),
    ...common,
    ephemeral: fc.boolean(),
    ttlMs: fc.constant(0),
  }),
  record({
    type: fc.constant(OPCODES.createContainer),
    ...common,
    ephemeral: fc.constant(false),
    ttlMs: fc.constant(0),
  }),
  record({
    type: fc.constant(OPCODES.createTtl),
    ...common,
    ephemeral: fc.constant(false),
    ttlMs: fc.integer({ min: 1, max: 0xff_ffff_ffff }),
  }),
  record({ type: fc.constantFrom(OPCODES.delete, OPCODES.deleteContainer), path }),
  record({ type: fc.constantFrom(OPCODES.setData, OPCODES.reconfig), path, data, version: int }),
  record({ type: fc.constant(OPCODES.check), path, version: int }),
  record({ type: fc.constant(OPCODES.error), code: int }),
);
const body: fc.Arbitrary<TxnBody> = fc.oneof(
  sub,
  record({ type: fc.constant(OPCODES.setAcl), path, acls, version: int }),
  record({ type: fc.constant(OPCODES.createSession), timeoutMs: int }),
  record({ type: fc.constant(OPCODES.closeSession), paths: fc.array(path) }),
  record({ type: fc.constant(OPCODES.multi), txns: fc.array(sub) }),
);

test("readTxn() reads back every transaction that can be written", () => {
  fc.assert(
    fc.property(body, fc.maxSafeNat(), fc.boolean(), (written, zxid, hasDigest) => {
      const plain = encodeTxn(written, { session: 3, zxid, timeMs: 1_000 });
      const bytes = hasDigest ? withDigest(plain, -1, 5) : plain;
      const txn = readTxn(bytes, 0, bytes.length);
      assert.equal(txn.body, written);
      assert.equal(txn.digest, hasDigest ? { high: -1, low: 5 } : undefined);
      assert.equal(
        [txn.header.zxid, txn.header.sessionLow, txn.header.type],
        [zxid, 3, written.type],
      );
    }),
  );
});

test("a create is written as Apache writes it (PP 5.3)", () => {
  const expected = fromHex(`
    0000000000000000 00000000 0000000200000002 000001a200b15cb2 00000001
    00000002 2f61 00000005 68656c6c6f 00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65
    00 00000001`);
  const data = fromHex("68656c6c6f");
  const txn = create("/a", { data, acls: OPEN_ACL, parentCversion: 1 });
  assert.equal(encodeTxn(txn, { zxid: 0x2_0000_0002, timeMs: 0x1a2_00b1_5cb2 }), expected);
});

test("readTxn() reads a create of a server before 3.4, which had no parent cversion", () => {
  const bytes = encodeTxn(create("/a", { parentCversion: 8 }));
  const { body } = readTxn(bytes, 0, bytes.length - 4);
  assert.ok(body.type === OPCODES.create);
  assert.is(body.parentCversion, -1);
});

test("readTxn() refuses bytes that end early and types that nobody writes", () => {
  const bytes = encodeTxn(create("/a", { type: OPCODES.create2 }));
  for (let end = 0; end < bytes.length; end++) {
    assert.throws(() => readTxn(bytes, 0, end), refusal("MarshallingError"));
  }
  bytes[31] = 99;
  assert.throws(() => readTxn(bytes, 0, bytes.length), refusal("Unimplemented"));
});

test.run();
