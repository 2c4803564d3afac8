import { test } from "uvu";
import { testStorage } from "../conformance/mod.ts";
import { ApacheFixture } from "./apache_fixture.ts";

const plain = new ApacheFixture();
testStorage({ test, make: plain.make, remake: plain.remake });
const padded = new ApacheFixture({ preAllocKb: 64, snapRetainCount: 1 });
testStorage({
  test: (name, run) => void test(`padded files: ${name}`, run),
  make: padded.make,
  remake: padded.remake,
});

test.after(() => {
  plain.remove();
  padded.remove();
});
test.run();
