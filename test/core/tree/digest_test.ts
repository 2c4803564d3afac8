import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  CRC_START,
  crcOfBytes,
  DigestSum,
  digestOfStat,
  STAT_INTS,
} from "../../../core/tree/digest.ts";
import { JuteWriter } from "../../../core/wire/jute.ts";
import { slowCrc, text } from "./history.ts";

test("crcOfBytes() gives CRC-32's check value", () => {
  const bytes = text("123456789");
  assert.is(~crcOfBytes(CRC_START, bytes, 0, 9) >>> 0, 0xcbf43926);
});

test("crcOfBytes() agrees with the bitwise definition, in one go or in two", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, at) => {
      const cut = Math.min(at, bytes.length);
      const crc = crcOfBytes(crcOfBytes(CRC_START, bytes, 0, cut), bytes, cut, bytes.length);
      assert.is(~crc >>> 0, slowCrc(bytes));
    }),
  );
});

test("digestOfStat() is the CRC of path, data and the stat's ints in big-endian", () => {
  const ints = fc.array(fc.integer(), { minLength: STAT_INTS, maxLength: STAT_INTS });
  fc.assert(
    fc.property(fc.uint8Array(), ints, fc.nat(5), (pathAndData, stat, at) => {
      const writer = new JuteWriter();
      writer.raw(pathAndData);
      for (const int of stat) writer.int(int);
      const running = crcOfBytes(CRC_START, pathAndData, 0, pathAndData.length);
      const padded = Int32Array.from([...new Array(at).fill(1), ...stat]);
      assert.is(digestOfStat(running, padded, at) >>> 0, slowCrc(writer.copy()));
    }),
  );
});

test("DigestSum adds and subtracts 32-bit numbers modulo 2^64", () => {
  const step = fc.record({ value: fc.integer(), isAdd: fc.boolean() });
  fc.assert(
    fc.property(fc.integer(), fc.integer(), fc.array(step), (high, low, steps) => {
      const sum = new DigestSum();
      sum.set(high, low);
      let expected = (BigInt(high) << 32n) | BigInt(low >>> 0);
      for (const { value, isAdd } of steps) {
        if (isAdd) sum.add(value);
        else sum.subtract(value);
        expected += isAdd ? BigInt(value >>> 0) : -BigInt(value >>> 0);
      }
      assert.is(sum.toBigInt(), BigInt.asIntN(64, expected));
      assert.ok(sum.equals(sum.high, sum.low));
    }),
  );
});

test.run();
