import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { SnapshotSlice } from "../../../core/contracts/storage.ts";
import { wholeTree } from "../../../core/tree/snapshot.ts";
import { SnapshotLoader } from "../../../core/tree/snapshot_loader.ts";
import { Tree } from "../../../core/tree/tree.ts";
import type { CreateTxn, SubTxn, TxnBody } from "../../../core/tree/txn.ts";
import { OPCODES } from "../../../core/wire/opcodes.ts";
import { type Acl, OPEN_ACL, READ_ACL } from "../../../core/wire/records.ts";
import {
  BY_PARENT,
  create,
  digestFromScratch,
  digestOf,
  dumpTree,
  History,
  remove,
  setData,
} from "./history.ts";

/** A znode as one would write it without a thought for memory. */
interface Znode {
  data: Uint8Array | null;
  acls: readonly Acl[];
  readonly session: number;
  czxid: number;
  mzxid: number;
  pzxid: number;
  ctime: number;
  mtime: number;
  version: number;
  cversion: number;
  aversion: number;
}

interface Step {
  readonly session: number;
  readonly body: TxnBody;
}

/** The replicated state as a map of objects: what the tree is compared with. */
class Model {
  readonly nodes = new Map<string, Znode>();

  apply({ session, body }: Step, zxid: number, timeMs: number): void {
    switch (body.type) {
      case OPCODES.multi:
        if (body.txns.some(({ type }) => type === OPCODES.error)) return;
        for (const txn of body.txns) this.apply({ session, body: txn }, zxid, timeMs);
        return;
      case OPCODES.create:
        return this.#create(body, body.ephemeral ? session : 0, zxid, timeMs);
      case OPCODES.delete:
        return this.#delete(body.path, zxid);
      case OPCODES.setData: {
        const node = this.nodes.get(body.path);
        const { data, version } = body;
        if (node) Object.assign(node, { data, version, mzxid: zxid, mtime: timeMs });
        return;
      }
      case OPCODES.setAcl: {
        const node = this.nodes.get(body.path);
        if (node) Object.assign(node, { acls: body.acls, aversion: body.version });
        return;
      }
      case OPCODES.closeSession:
        for (const [path, node] of this.nodes)
          if (node.session === session) this.#delete(path, zxid);
        return;
      default:
    }
  }

  children(path: string): string[] {
    return [...this.nodes.keys()].filter((p) => p !== "" && parentOf(p) === path);
  }

  /** Whether a leader would let it pass. */
  accepts(txn: TxnBody): boolean {
    if (!("path" in txn)) return true;
    const isThere = this.nodes.has(txn.path);
    if (txn.type === OPCODES.delete) return isThere && this.children(txn.path).length === 0;
    if (txn.type !== OPCODES.create) return isThere;
    return !isThere && this.nodes.get(parentOf(txn.path))?.session === 0;
  }

  #create(txn: CreateTxn, session: number, zxid: number, timeMs: number): void {
    const parent = this.nodes.get(parentOf(txn.path));
    if (parent === undefined) return;
    const existing = this.nodes.get(txn.path);
    const cversion = parent.cversion + 1;
    Object.assign(parent, { cversion, pzxid: zxid });
    if (existing) {
      existing.acls = txn.acls;
      return;
    }
    const { data, acls } = txn;
    const zxids = { czxid: zxid, mzxid: zxid, pzxid: zxid, ctime: timeMs, mtime: timeMs };
    this.nodes.set(txn.path, {
      data,
      acls,
      session,
      ...zxids,
      version: 0,
      cversion: 0,
      aversion: 0,
    });
  }

  #delete(path: string, zxid: number): void {
    const parent = this.nodes.get(parentOf(path));
    if (parent) parent.pzxid = Math.max(parent.pzxid, zxid);
    const all = [...this.nodes.keys()].filter((p) => p === path || p.startsWith(`${path}/`));
    for (const p of all) this.nodes.delete(p);
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function modelOf(tree: Tree): Model {
  const model = new Model();
  for (let n = 0; n !== -1; n = tree.nextBelow(n, 0)) {
    model.nodes.set(n === 0 ? "" : tree.pathOf(n), {
      data: tree.data(n),
      acls: tree.acls(tree.aclId(n)),
      session: tree.kind(n) === "ephemeral" ? tree.ownerLow(n) : 0,
      czxid: tree.czxid(n),
      mzxid: tree.mzxid(n),
      pzxid: tree.pzxid(n),
      ctime: tree.ctime(n),
      mtime: tree.mtime(n),
      version: tree.version(n),
      cversion: tree.cversion(n),
      aversion: tree.aversion(n),
    });
  }
  return model;
}

const NAMES = ["a", "b", "ü", "quite-a-long-name-that-needs-a-block"];
const path = fc
  .array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 })
  .map((names) => `/${names.join("/")}`);
const size = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.constantFrom(127, 128, 129, 16_384, 16_385, 20_000),
);
const data = fc.oneof(
  fc.constant(null),
  fc.tuple(size, fc.integer({ min: 0, max: 255 })).map(([n, b]) => new Uint8Array(n).fill(b)),
);
const acls = fc.constantFrom<readonly Acl[]>(
  OPEN_ACL,
  READ_ACL,
  [],
  [
    { perms: 9, scheme: "digest", id: "u:x" },
    { perms: -1, scheme: "ip", id: "10.0.0.1" },
  ],
);
const version = fc.integer({ min: -5, max: 5 });
const sub: fc.Arbitrary<SubTxn> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .record({ path, data, acls, ephemeral: fc.boolean() })
      .map((c) => create(c.path, { ...c, parentCversion: -1 })),
  },
  { weight: 2, arbitrary: path.map(remove) },
  { weight: 2, arbitrary: fc.tuple(path, data, version).map((t) => setData(...t)) },
);
const failure = fc.constant<SubTxn>({ type: OPCODES.error, code: -101 });
const body: fc.Arbitrary<TxnBody> = fc.oneof(
  { weight: 8, arbitrary: sub },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.oneof({ weight: 9, arbitrary: sub }, { weight: 1, arbitrary: failure }), {
        maxLength: 5,
      })
      .map((txns) => ({ type: OPCODES.multi, txns })),
  },
  {
    weight: 1,
    arbitrary: fc.record({ path, acls, version }).map((set) => ({ type: OPCODES.setAcl, ...set })),
  },
  { weight: 1, arbitrary: fc.constant({ type: OPCODES.closeSession, paths: [] } as const) },
);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ session: fc.integer({ min: 1, max: 3 }), body }),
  { maxLength: 60, size: "max" },
);

test("after any transactions the tree is what a map of objects is, its digest too", () => {
  fc.assert(
    fc.property(steps, fc.integer(), (history, hashSeed) => {
      const h = new History(new Tree({ hashSeed, extendedTypes: true }));
      const model = modelOf(h.tree);
      for (const step of history) {
        h.apply(step.body, { session: step.session });
        model.apply(step, h.zxid, h.timeMs);
      }
      compare(h.tree, model);
    }),
    { numRuns: 300 },
  );
});

function compare(tree: Tree, model: Model): void {
  assert.equal(new Map([...modelOf(tree).nodes].sort()), new Map([...model.nodes].sort()));
  assert.is(digestOf(tree), digestFromScratch(tree));
  assert.is(tree.nodeCount, model.nodes.size);
  assert.is(tree.descendantCount(0), model.nodes.size - 1);
  let dataBytes = 0;
  const ephemerals = new Map<number, string[]>();
  for (const [p, znode] of model.nodes) {
    const node = tree.findPath(p);
    assert.is(tree.pathOf(node), p === "" ? "/" : p);
    const children: string[] = [];
    for (let child = tree.firstChild(node); child !== -1; child = tree.nextSibling(child)) {
      children.push(tree.pathOf(child));
    }
    // A map keeps the order of creation, and so do children.
    assert.equal(children, model.children(p));
    assert.is(tree.childCount(node), children.length);
    dataBytes += new TextEncoder().encode(p).length + (znode.data?.length ?? 0);
    if (znode.session === 0) continue;
    ephemerals.set(znode.session, [...(ephemerals.get(znode.session) ?? []), p]);
  }
  assert.is(tree.approximateDataBytes, dataBytes);
  assert.is(tree.ephemeralCount, [...ephemerals.values()].flat().length);
  for (const session of [1, 2, 3]) {
    const paths: string[] = [];
    let n = tree.firstEphemeral(0x0100_0000, session);
    for (; n !== -1; n = tree.nextEphemeral(n)) paths.push(tree.pathOf(n));
    assert.equal(paths, ephemerals.get(session) ?? []);
  }
}

test("replaying transactions on a tree that has some already ends in the same tree", () => {
  fc.assert(
    fc.property(steps, fc.nat(60), fc.nat(60), (history, from, cut) => {
      const h = new History();
      const replay: Uint8Array[] = [];
      let slices = slicesOf(h.tree);
      let start = 0;
      for (const [i, step] of history.entries()) {
        const bytes = h.apply(asLeader(step, h.tree), { session: step.session });
        if (i >= from) replay.push(bytes);
        // The snapshot says it is of `from`, and holds everything up to `cut`.
        if (i <= from) start = h.zxid;
        if (i <= Math.max(cut, from)) slices = slicesOf(h.tree);
      }
      const copy = new Tree({ hashSeed: 3, extendedTypes: true });
      const loader = new SnapshotLoader(copy);
      for (const slice of slices) loader.load(slice);
      loader.finish(start);
      const again = new History(copy);
      for (const bytes of replay) again.applier.apply(bytes, 0, bytes.length);
      assert.is(digestOf(copy), digestFromScratch(copy));
      assert.equal(dumpTree(copy), h.dump());
    }),
    { numRuns: 200 },
  );
});

/** What a leader makes of a step: transactions that fit the tree, or an error. */
function asLeader({ session, body }: Step, tree: Tree): TxnBody {
  const model = modelOf(tree);
  if (body.type === OPCODES.closeSession) {
    const owned = [...model.nodes].filter(([, node]) => node.session === session);
    return { type: OPCODES.closeSession, paths: owned.map(([path]) => path) };
  }
  const refused: TxnBody = { type: OPCODES.error, code: -1 };
  for (const txn of body.type === OPCODES.multi ? body.txns : [body]) {
    if (!model.accepts(txn)) return refused;
    model.apply({ session, body: txn }, 0, 0);
  }
  const counted = <T extends TxnBody>(txn: T): T =>
    txn.type === OPCODES.create ? { ...txn, parentCversion: BY_PARENT } : txn;
  return body.type === OPCODES.multi ? { ...body, txns: body.txns.map(counted) } : counted(body);
}

function slicesOf(tree: Tree): SnapshotSlice[] {
  const source = wholeTree(tree);
  const slices: SnapshotSlice[] = [];
  for (let s = source.next(); s !== undefined; s = source.next()) {
    slices.push({ ...s, nodes: s.nodes.slice() });
  }
  return slices;
}

test.run();
