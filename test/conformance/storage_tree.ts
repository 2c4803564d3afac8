import assert from "node:assert/strict";
import type { SnapshotSlice, Storage } from "../../core/contracts/storage.ts";
import { SessionId } from "../../core/wire/session_id.ts";
import {
  batchOf,
  EPOCH_2,
  fill,
  readAll,
  readSnapshot,
  sliceOf,
  snapshotOf,
  utf8,
} from "./storage_data.ts";

/** Registers a test on an open storage, which is closed at its end. */
export type Check = (name: string, run: (storage: Storage) => Promise<void>) => void;

const acl = (id: string): { perms: number; scheme: string; id: string }[] => [
  { perms: 31, scheme: "digest", id },
];

/** Tests for the storages whose checkpoints are whole, or for the others. */
function checkIf(check: Check, wholeCheckpoints: boolean): Check {
  return (name, run) =>
    check(name, async (storage) => {
      if ((storage.traits.wholeCheckpoints ?? false) === wholeCheckpoints) await run(storage);
    });
}

/** What a checkpoint keeps. */
export function testTree(check: Check): void {
  check("load() gives what checkpoint() took, parents first", async (storage) => {
    await storage.append(batchOf([1, 2]));
    const nodes = ["/", "/a-b", "/a", "/a/b", "/a/b/ä€😀"].map((path) => ({ path }));
    const sessions = [{ id: new SessionId(-5, 7), timeoutMs: 30_000 }];
    await storage.checkpoint(snapshotOf(2, sliceOf(nodes, { sessions })));
    const read = await readSnapshot(storage.load());
    assert.equal(read.zxid, 2);
    assert.deepEqual(read.sessions, [`${sessions[0]!.id} 30000`]);
    const order = read.nodes.map((node) => node.slice(0, node.indexOf("=")));
    assert.deepEqual([...order].sort(), ["", "/a", "/a-b", "/a/b", "/a/b/ä€😀"]);
    for (const [parent, child] of [
      ["", "/a"],
      ["/a", "/a/b"],
      ["/a/b", "/a/b/ä€😀"],
    ]) {
      assert.ok(order.indexOf(parent!) < order.indexOf(child!));
    }
  });

  check("checkpoint() tells null from empty, and takes a megabyte", async (storage) => {
    const big = "x".repeat(1 << 20);
    const nodes = [
      { path: "/" },
      { path: "/empty", data: utf8("") },
      { path: "/big", data: utf8(big), mzxid: EPOCH_2 },
    ];
    await storage.checkpoint(snapshotOf(1, sliceOf(nodes)));
    const read = await readSnapshot(storage.load());
    assert.deepEqual([...read.nodes].sort(), [`/big=${big}@${EPOCH_2}`, "/empty=@0", "=null@0"]);
  });

  const partial = checkIf(check, false);
  partial("checkpoint() replaces, adds and deletes, in slices", async (storage) => {
    const first = sliceOf([{ path: "/" }, { path: "/a" }, { path: "/b" }, { path: "/b/c" }]);
    await storage.checkpoint(snapshotOf(1, first));
    await storage.checkpoint(
      snapshotOf(
        2,
        sliceOf([{ path: "/a", data: utf8("1") }], { deleted: ["/b/c", "/b", "/never"] }),
        sliceOf([{ path: "/a", data: utf8("2") }, { path: "/d" }], { deleted: ["/d"] }),
      ),
    );
    const read = await readSnapshot(storage.load());
    assert.deepEqual([...read.nodes].sort(), ["/a=2@0", "/d=null@0", "=null@0"]);
    assert.deepEqual(await storage.damage(), []);
  });

  partial("checkpoint() with nothing changed moves the zxid", async (storage) => {
    await storage.append(batchOf([1, 2]));
    await storage.checkpoint(snapshotOf(1, sliceOf([{ path: "/" }])));
    await storage.checkpoint(snapshotOf(2));
    assert.deepEqual(await readSnapshot(storage.load()), {
      zxid: 2,
      sessions: [],
      nodes: ["=null@0"],
    });
  });

  partial(
    "checkpoint() keeps sessions that it is not given, and forgets closed ones",
    async (storage) => {
      const sessions = [
        { id: new SessionId(1, 1), timeoutMs: 1 },
        { id: new SessionId(1, 2), timeoutMs: 2 },
      ];
      await storage.checkpoint(snapshotOf(1, sliceOf([{ path: "/" }], { sessions })));
      await storage.checkpoint(snapshotOf(2, sliceOf([{ path: "/a" }])));
      assert.equal((await readSnapshot(storage.load())).sessions.length, 2);
      await storage.checkpoint(snapshotOf(3, sliceOf([], { sessions: sessions.slice(1) })));
      assert.deepEqual((await readSnapshot(storage.load())).sessions, [`${sessions[1]!.id} 2`]);
    },
  );

  partial(
    "ACL ids are the snapshot's own: two checkpoints may use one for two lists",
    async (storage) => {
      const first = sliceOf([{ path: "/" }, { path: "/a", aclId: 1 }, { path: "/b", aclId: 2 }], {
        acls: [
          { id: 1, acls: acl("one") },
          { id: 2, acls: acl("two") },
        ],
      });
      await storage.checkpoint(snapshotOf(1, first));
      const second = sliceOf(
        [
          { path: "/b", aclId: 1 },
          { path: "/c", aclId: 2 },
        ],
        {
          acls: [
            { id: 1, acls: acl("three") },
            { id: 2, acls: acl("one") },
          ],
        },
      );
      await storage.checkpoint(snapshotOf(2, second));
      const read = await readSnapshot(storage.load());
      assert.deepEqual(read.nodes.slice(1), ["/a=null@0!one", "/b=null@0!three", "/c=null@0!one"]);
    },
  );

  checkIf(check, true)("a whole checkpoint keeps nothing of the former", async (storage) => {
    const list = { id: 7, acls: acl("one") };
    const sessions = [{ id: new SessionId(1, 1), timeoutMs: 1 }];
    const nodes = [{ path: "/" }, { path: "/a", aclId: 7 }, { path: "/b" }];
    await storage.checkpoint(snapshotOf(1, sliceOf(nodes, { acls: [list], sessions })));
    const other = { id: 7, acls: acl("two") };
    await storage.checkpoint(
      snapshotOf(
        2,
        sliceOf([{ path: "/" }], { sessions: [] }),
        sliceOf([{ path: "/b", aclId: 7 }], { acls: [other] }),
      ),
    );
    const read = await readSnapshot(storage.load());
    assert.deepEqual(read, { zxid: 2, sessions: [], nodes: ["=null@0", "/b=null@0!two"] });
    assert.deepEqual(await storage.damage(), []);
  });

  check("append() and trim() go on while a checkpoint is under way", async (storage) => {
    await fill(storage, batchOf([1]), batchOf([2]));
    async function* slices(): AsyncGenerator<SnapshotSlice> {
      yield sliceOf([{ path: "/" }]);
      await storage.append(batchOf([3]));
      assert.equal(await storage.trim(2), 0);
      yield sliceOf([{ path: "/a" }]);
    }
    await storage.checkpoint({ zxid: 2, slices: slices() });
    assert.ok((await storage.trim(2)) <= 2);
    assert.deepEqual(await readAll(storage, 2), [3]);
  });
}

/** How a whole tree replaces log and checkpoint. */
export function testInstall(check: Check): void {
  check("install() replaces tree and log and sets the epoch", async (storage) => {
    await fill(storage, batchOf([1, 2]));
    await storage.checkpoint(
      snapshotOf(
        1,
        sliceOf([{ path: "/" }, { path: "/old", aclId: 1 }], {
          acls: [{ id: 1, acls: acl("old") }],
        }),
      ),
    );
    const whole = snapshotOf(
      EPOCH_2 + 5,
      sliceOf([{ path: "/" }], { sessions: [{ id: new SessionId(2, 3), timeoutMs: 9 }] }),
      sliceOf([{ path: "/new", aclId: 1 }], { acls: [{ id: 1, acls: acl("new") }] }),
    );
    await storage.install(whole, 2);
    assert.equal(storage.lastZxid, EPOCH_2 + 5);
    assert.deepEqual(await readSnapshot(storage.load()), {
      zxid: EPOCH_2 + 5,
      sessions: ["0x200000003 9"],
      nodes: ["=null@0", "/new=null@0!new"],
    });
    assert.deepEqual(await readAll(storage, 0), []);
    await assert.rejects(storage.append(batchOf([3])), { kind: "out-of-order" });
    await storage.append(batchOf([EPOCH_2 + 6]));
    assert.deepEqual(await readAll(storage, EPOCH_2 + 5), [EPOCH_2 + 6]);
    assert.equal(await storage.truncate(EPOCH_2 + 5), true);
    assert.deepEqual(await storage.damage(), []);
  });

  check("install() may go back, twice, and be followed by a checkpoint", async (storage) => {
    await fill(storage, batchOf([EPOCH_2 + 1, EPOCH_2 + 9]));
    for (const path of ["/x", "/y"]) {
      await storage.install(snapshotOf(EPOCH_2 + 3, sliceOf([{ path: "/" }, { path }])), 3);
    }
    await storage.append(batchOf([EPOCH_2 + 4]));
    const former = storage.traits.wholeCheckpoints === true ? [{ path: "/" }, { path: "/y" }] : [];
    await storage.checkpoint(snapshotOf(EPOCH_2 + 4, sliceOf([...former, { path: "/z" }])));
    const read = await readSnapshot(storage.load());
    assert.deepEqual(read.nodes, ["=null@0", "/y=null@0", "/z=null@0"]);
    assert.equal(read.zxid, EPOCH_2 + 4);
  });

  check("install() leaves everything as it was when its source fails", async (storage) => {
    await storage.append(batchOf([1, 2]));
    await storage.checkpoint(snapshotOf(1, sliceOf([{ path: "/" }, { path: "/kept" }])));
    async function* slices(): AsyncGenerator<SnapshotSlice> {
      yield sliceOf([{ path: "/" }]);
      throw new Error("the leader is gone");
    }
    await assert.rejects(storage.install({ zxid: 9, slices: slices() }, 2), /the leader is gone/);
    assert.equal(storage.lastZxid, 2);
    assert.deepEqual((await readSnapshot(storage.load())).nodes, ["=null@0", "/kept=null@0"]);
    await storage.append(batchOf([3]));
    assert.deepEqual(await readAll(storage, 0), [1, 2, 3]);
  });
}
