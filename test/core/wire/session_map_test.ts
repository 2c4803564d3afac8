import { test } from "uvu";
import * as assert from "uvu/assert";
import { SessionId, SessionMap } from "../../../core/wire/session_id.ts";

const IDS = [
  new SessionId(0, 0),
  new SessionId(1, 0),
  new SessionId(0, 1),
  new SessionId(-1, 5),
  new SessionId(7, 5),
];

test("a look-up tells the present value, whatever was looked up or changed before", () => {
  const map = new SessionMap<string>();
  const model = new Map<string, string>();
  let seed = 1;
  for (let step = 0; step < 5_000; step++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    const id = IDS[(seed >>> 8) % IDS.length] as SessionId;
    const dice = (seed >>> 16) % 100;
    if (dice < 20) {
      map.set(id, `value ${step}`);
      model.set(id.toString(), `value ${step}`);
    } else if (dice < 35) {
      assert.is(map.delete(id), model.delete(id.toString()));
    } else if (dice === 99) {
      map.clear();
      model.clear();
    }
    for (const each of dice % 2 === 0 ? [id, ...IDS] : [id]) {
      assert.is(map.get(each), model.get(each.toString()));
      assert.is(map.has(each), model.has(each.toString()));
    }
    assert.is(map.size, model.size);
  }
});

test.run();
