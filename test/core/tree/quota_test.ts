import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatQuota, parseQuota } from "../../../core/tree/quota.ts";
import { create, digestFromScratch, digestOf, History, remove, setData, text } from "./history.ts";

const QUOTA = "/zookeeper/quota/q";

function statsOf(h: History, path: string = QUOTA): string {
  const data = h.tree.data(h.node(`${path}/zookeeper_stats`)) ?? text("");
  return new TextDecoder().decode(data);
}

/** `/q` with one child of three bytes, and a quota as `zkCli.sh` sets it. */
function historyWithQuota(): History {
  const h = new History();
  h.apply(create("/q"));
  h.apply(create("/q/a", { data: text("abc") }));
  h.apply(create(QUOTA));
  h.apply(create(`${QUOTA}/zookeeper_limits`, { data: text("count=5,bytes=100") }));
  h.apply(create(`${QUOTA}/zookeeper_stats`));
  return h;
}

test("creating the statistics node counts what is there", () => {
  assert.is(statsOf(historyWithQuota()), "count=2,bytes=3");
});

test("creates, deletes and setData below the path are counted in place", () => {
  const h = historyWithQuota();
  const before = h.tree.stat(h.node(`${QUOTA}/zookeeper_stats`));
  h.apply(create("/q/b", { data: text("12345") }));
  assert.is(statsOf(h), "count=3,bytes=8");
  h.apply(setData("/q/b", text("1"), 1));
  h.apply(setData("/q", text("own"), 1));
  assert.is(statsOf(h), "count=3,bytes=7");
  h.apply(setData("/q/a", null, 1));
  assert.is(statsOf(h), "count=3,bytes=4");
  h.apply(remove("/q/b"));
  h.apply(create("/elsewhere", { data: text("12345") }));
  h.apply(create("/q2", { data: text("12345") }));
  assert.is(statsOf(h), "count=2,bytes=3");
  const { dataLength: _, ...after } = h.tree.stat(h.node(`${QUOTA}/zookeeper_stats`));
  assert.equal({ ...after, dataLength: before.dataLength }, before);
  assert.is(digestOf(h.tree), digestFromScratch(h.tree));
});

test("deleting the limits stops the counting", () => {
  const h = historyWithQuota();
  h.apply(remove(`${QUOTA}/zookeeper_limits`));
  h.apply(create("/q/b"));
  assert.is(statsOf(h), "count=2,bytes=3");
  assert.ok(h.applier.quotas.isEmpty);
});

test("at() finds the deepest quota at or above a path", () => {
  const h = historyWithQuota();
  h.apply(create(`${QUOTA}/a`));
  h.apply(
    create(`${QUOTA}/a/zookeeper_limits`, { data: text("count=1,bytes=-1=;countHardLimit=2") }),
  );
  const at = (path: string): unknown => h.applier.quotas.at(path)?.path;
  assert.equal([at("/q"), at("/q/b"), at("/q/a"), at("/q/a/b")], ["/q", "/q", "/q/a", "/q/a"]);
  assert.equal([at("/"), at("/qq"), at("/zookeeper")], [undefined, undefined, undefined]);
  assert.is(h.applier.quotas.at("/q/a")?.limits.countHardLimit, 2);
  assert.is(h.applier.quotas.at("/q/a")?.stats, undefined);
  assert.is(h.applier.quotas.at("/q")?.stats?.count, 2);
});

test("a quota on the root is ignored", () => {
  const h = new History();
  h.apply(create("/zookeeper/quota/zookeeper_limits", { data: text("count=1,bytes=1") }));
  h.apply(create("/zookeeper/quota/zookeeper_stats", { data: text("mine") }));
  h.apply(create("/a"));
  assert.is(statsOf(h, "/zookeeper/quota"), "mine");
  assert.ok(h.applier.quotas.isEmpty);
});

test("parseQuota() and formatQuota() know Apache's text", () => {
  const written = "count=3,bytes=-1=;byteHardLimit=10;countHardLimit=3";
  const numbers = { count: 3, bytes: -1, byteHardLimit: 10, countHardLimit: 3 };
  assert.equal(parseQuota(written), numbers);
  assert.is(formatQuota(numbers), written);
  assert.is(formatQuota(parseQuota("bytes=7")), "count=-1,bytes=7");
  assert.equal(parseQuota("count=x"), parseQuota(""));
});

test.run();
