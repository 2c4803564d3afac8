import { test } from "uvu";
import * as assert from "uvu/assert";
import { Membership } from "../../../plugins/zab/core/membership.ts";

const THREE = [
  "server.1=a:2888:3888:participant;0.0.0.0:2181",
  "server.2=b:2888:3888:participant",
  "server.3=[::1]:2888:3888:observer",
];

function parse(...lines: string[]): Membership {
  return Membership.parse(lines.join("\n"));
}

test("a text is read and written back as Apache writes it", () => {
  const text = [...THREE, "version=100000000"].join("\n");
  const membership = Membership.parse(text);
  assert.is(membership.toString(), text);
  assert.is(membership.version, 0x1_0000_0000);
  assert.equal(membership.voters, [1, 2]);
  assert.is(membership.members.get(3)?.addresses[0]?.host, "::1");
  assert.is(membership.members.get(1)?.client, "0.0.0.0:2181");
});

test("a server may have several addresses, and votes unless it says otherwise", () => {
  const member = parse("server.5=a:1:2|b:3:4").members.get(5);
  assert.is(member?.addresses.length, 2);
  assert.is(member?.role, "participant");
});

test("lines that cannot be read are named", () => {
  for (const line of ["server.1=a:1", "server.x=a:1:2", "colour=red", "version=xyz", "server.1"]) {
    assert.throws(
      () => parse(...THREE.slice(1), line),
      (error: Error) => error.message.includes(JSON.stringify(line).slice(1, 5)),
    );
  }
  assert.throws(() => parse("server.1=a:1:2", "server.1=b:1:2"));
  assert.throws(() => parse("version=0"), /without voters/);
});

test("a quorum is more than half of the voters; observers and strangers do not count", () => {
  const five = parse(
    ...[1, 2, 3, 4, 5].map((sid) => `server.${sid}=h:1:2`),
    "server.6=h:1:2:observer",
  );
  assert.is(
    five.hasQuorum((sid) => sid <= 2 || sid === 6),
    false,
  );
  assert.is(
    five.hasQuorum((sid) => sid <= 3),
    true,
  );
  const four = parse(...[1, 2, 3, 4].map((sid) => `server.${sid}=h:1:2`));
  assert.is(
    four.hasQuorum((sid) => sid <= 2),
    false,
  );
});

test("with groups a quorum is more than half of the weight in more than half of the groups", () => {
  const lines = [1, 2, 3, 4, 5, 6, 7].map((sid) => `server.${sid}=h:1:2`);
  const groups = ["group.1=1:2:3", "group.2=4:5:6", "group.3=7", "weight.1=3", "weight.7=0"];
  const membership = parse(...lines, ...groups);
  assert.is(membership.isHierarchical, true);
  assert.is(membership.weightOf(1), 3);
  // Group 3 has no weight, so both others must be won; server 1 alone wins the first.
  assert.is(
    membership.hasQuorum((sid) => [1, 4, 5].includes(sid)),
    true,
  );
  assert.is(
    membership.hasQuorum((sid) => [2, 3, 4, 5].includes(sid)),
    false,
  );
  assert.is(
    membership.hasQuorum((sid) => [1, 7].includes(sid)),
    false,
  );
  assert.throws(() => parse(...lines, "group.1=1:2"), /has no group/);
});

test.run();
