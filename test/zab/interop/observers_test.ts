import { test } from "uvu";
import * as assert from "uvu/assert";
import { Ledger } from "../ensemble/ledger.ts";
import { Members } from "../ensemble/members.ts";
import { requireApache } from "./installed.ts";

requireApache();

const PAIRS = [
  { voters: "apache", observer: "zookit" },
  { voters: "zookit", observer: "apache" },
] as const;

for (const { voters, observer } of PAIRS) {
  test(`an observer of ${observer} follows voters of ${voters}; its clients write`, async () => {
    const members = await Members.plan([
      { kind: voters },
      { kind: voters },
      { kind: observer, role: "observer" },
    ]);
    try {
      members.start(1);
      members.start(2);
      await members.serving([1, 2]);
      const ledger = await Ledger.open(members.address(1), "/voters");
      await ledger.write(300);
      members.start(3);
      await members.serving();
      assert.is(await members.mode(3), "observer");
      await ledger.check(members.address(3));
      const own = await Ledger.open(members.address(3), "/observer");
      await own.write(300);
      await members.equal();
      for (const id of members.ids) await own.check(members.address(id));
      await members.signal(3, "SIGKILL");
      await ledger.write(30); // Nobody waits for an observer.
      members.start(3);
      await members.serving();
      await ledger.check(members.address(3));
      await ledger.close();
      await own.close();
    } finally {
      await members.discard();
    }
  });
}

test.run();
