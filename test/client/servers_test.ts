import { test } from "uvu";
import * as assert from "uvu/assert";
import { ZkError, ZooKeeperClient } from "../../client/mod.ts";
import { fromServerPath, toServerPath } from "../../client/paths.ts";
import { parseServers } from "../../client/servers.ts";

function names(list: string | readonly string[], chroot?: string): string {
  const parsed = parseServers(list, { chroot });
  return `${parsed.servers.map(({ name }) => name).join(" ")} ${parsed.chroot}`;
}

test("server lists are read as every ZooKeeper client reads them", () => {
  assert.is(names("a"), "a ");
  assert.is(names("a:1,b:2/app/x"), "a:1 b:2 /app/x");
  assert.is(names("a:1,b:2/"), "a:1 b:2 ");
  assert.is(names("a:1/app", "/other"), "a:1 /other");
  assert.is(names("[::1]:2181,10.0.0.1"), "[::1]:2181 10.0.0.1 ");
  assert.is(names(["a:1", "ws://b:80/zk"], "/app"), "a:1 ws://b:80/zk /app");
  assert.is(names("wss://a/zk,ws://b"), "wss://a/zk ws://b ");
  assert.is(names("tls://a:2281,tls://[::1]"), "tls://a:2281 tls://[::1] ");
});

test("malformed lists and chroots are refused", () => {
  for (const list of [
    "",
    "a:0",
    "a:99999",
    "a:b",
    "a,,b",
    "::1:2181",
    "a/app/",
    "a//",
    "tls://",
    "tls://a/b",
  ]) {
    try {
      new ZooKeeperClient({ servers: list });
      assert.unreachable(`${list} was accepted`);
    } catch (error) {
      assert.instance(error, ZkError);
      assert.is((error as ZkError).kind, "BadArguments");
    }
  }
  assert.throws(() => parseServers([]));
});

test("a chroot comes and goes with the path", () => {
  assert.is(toServerPath("/app", "/"), "/app");
  assert.is(toServerPath("/app", "/x"), "/app/x");
  assert.is(fromServerPath("/app", "/app"), "/");
  assert.is(fromServerPath("/app", "/app/x"), "/x");
  assert.is(fromServerPath("/app", "/apple"), "/apple");
  assert.is(toServerPath("", "/x"), "/x");
});

test.run();
