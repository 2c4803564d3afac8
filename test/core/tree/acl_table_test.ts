import { test } from "uvu";
import * as assert from "uvu/assert";
import { AclTable, OPEN_ACL_ID } from "../../../core/tree/acl_table.ts";
import { JuteWriter } from "../../../core/wire/jute.ts";
import { type Acl, OPEN_ACL, READ_ACL, writeAcls } from "../../../core/wire/records.ts";
import { refusal } from "./history.ts";

function encode(acls: readonly Acl[] | null): Uint8Array {
  const writer = new JuteWriter();
  writeAcls(writer, acls);
  return writer.copy();
}

function internBytes(table: AclTable, acls: readonly Acl[] | null): number {
  const bytes = encode(acls);
  return table.internBytes(bytes, 0, bytes.length);
}

test("world:anyone:all, and a null list, have the id that no table lists", () => {
  const table = new AclTable();
  const ids = [internBytes(table, OPEN_ACL), table.intern(OPEN_ACL), internBytes(table, null)];
  assert.equal(ids, [OPEN_ACL_ID, OPEN_ACL_ID, OPEN_ACL_ID]);
  assert.is(table.size, 0);
  assert.is(table.list(OPEN_ACL_ID), OPEN_ACL);
});

test("equal lists share an id, from bytes or as values; others do not", () => {
  const table = new AclTable();
  const read = internBytes(table, READ_ACL);
  assert.equal([internBytes(table, READ_ACL), table.intern(READ_ACL)], [read, read]);
  const odd = internBytes(table, [{ perms: 1, scheme: "world,any", id: "one" }]);
  assert.is.not(odd, read);
  assert.is.not(internBytes(table, []), read);
  assert.equal(table.list(read), READ_ACL);
});

test("a list goes with its last holder, and its id is never used again", () => {
  const table = new AclTable();
  const first = internBytes(table, READ_ACL);
  table.retain(first);
  table.release(first);
  assert.is(table.size, 1);
  table.release(first);
  assert.is(table.size, 0);
  assert.throws(() => table.list(first));
  const second = internBytes(table, READ_ACL);
  assert.is.not(second, first);
  assert.equal(table.list(second), READ_ACL);
});

test("internBytes() refuses bytes that are not a list", () => {
  const bytes = encode(READ_ACL);
  const table = new AclTable();
  assert.throws(() => table.internBytes(bytes, 0, 9), refusal("MarshallingError"));
});

test.run();
