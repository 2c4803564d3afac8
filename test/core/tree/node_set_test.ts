import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NodeSet } from "../../../core/tree/node_set.ts";

test("a NodeSet holds what a sorted Set holds", () => {
  const node = fc.oneof(fc.nat(70), fc.nat(5_000));
  fc.assert(
    fc.property(fc.array(fc.record({ node, isAdd: fc.boolean() })), (steps) => {
      const set = new NodeSet();
      const expected = new Set<number>();
      for (const { node, isAdd } of steps) {
        if (isAdd) {
          set.add(node);
          expected.add(node);
        } else {
          set.delete(node);
          expected.delete(node);
        }
        assert.is(set.has(node), isAdd);
      }
      const members: number[] = [];
      for (let n = set.next(0); n !== -1; n = set.next(n + 1)) members.push(n);
      assert.equal(
        members,
        [...expected].sort((a, b) => a - b),
      );
    }),
  );
});

test.run();
