import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  encodeUtf8,
  hasParentAt,
  isValidPath,
  lastName,
  PathRef,
  parentEnd,
  parentPath,
  sequenceSuffix,
} from "../../../core/tree/path.ts";

test("isValidPath() accepts what Java's validation accepts", () => {
  for (const path of [
    "/",
    "/a",
    "/a/b",
    "/...",
    "/.a",
    "/a./b",
    "/\u00a0",
    "/\ud7ff",
    "/ ",
    "/\uffef",
  ]) {
    assert.ok(isValidPath(path), JSON.stringify(path));
  }
});

test("isValidPath() refuses what Java's validation refuses", () => {
  const odd = ["", "a", "a/b", "//", "/a/", "/a//b", "/.", "/..", "/./a", "/a/..", "/a/./b"];
  const units = [
    "\0",
    "\u001f",
    "\u007f",
    "\u009f",
    "\ud800",
    "\u{1f600}",
    "\uf8ff",
    "\ufff0",
    "\uffff",
  ];
  for (const path of [...odd, ...units.map((unit) => `/a${unit}`)]) {
    assert.not(isValidPath(path), JSON.stringify(path));
  }
});

test("hasParentAt() wants a slash and no NUL", () => {
  const hasParent = (text: string): boolean => {
    const bytes = new TextEncoder().encode(text);
    return hasParentAt(bytes, 0, bytes.length);
  };
  assert.equal(["/a", "a/", "a", "", "/\0"].map(hasParent), [true, true, false, false, false]);
});

test("parentPath() and lastName() split at the last slash; the root's alias is empty", () => {
  assert.equal([parentPath("/a/b"), lastName("/a/b")], ["/a", "b"]);
  assert.equal([parentPath("/a"), lastName("/a")], ["", "a"]);
  assert.equal([parentPath("/"), lastName("/")], ["", ""]);
});

test("parentEnd() agrees with parentPath() wherever the path lies", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("a", "/", "é")), (parts) => {
      const path = `/${parts.join("")}`;
      const bytes = new TextEncoder().encode(`??${path}??`);
      const end = parentEnd(bytes, 2, bytes.length - 2);
      assert.is(new TextDecoder().decode(bytes.subarray(2, end)), parentPath(path));
    }),
  );
});

test("sequenceSuffix() prints as C's %010d, past the overflow too", () => {
  const printed = [0, 42, 2_147_483_647, -2_147_483_648, -1].map(sequenceSuffix);
  assert.equal(printed, ["0000000000", "0000000042", "2147483647", "-2147483648", "-000000001"]);
});

test("encodeUtf8() writes what TextEncoder does, and nothing behind it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const bytes = new Uint8Array(text.length * 3 + 2).fill(0xee);
      const end = encodeUtf8(text, bytes, 1);
      assert.equal(bytes.slice(1, end), new TextEncoder().encode(text));
      assert.equal([bytes[0], bytes[bytes.length - 1]], [0xee, 0xee]);
    }),
  );
});

test("PathRef.text() follows set()", () => {
  const path = new PathRef();
  const bytes = new TextEncoder().encode("/abc/é");
  path.set(bytes, 0, 4);
  assert.is(path.text(), "/abc");
  path.set(bytes, 4, bytes.length);
  assert.is(path.text(), "/é");
});

test.run();
