/** The permutation of RFC 2268, section 2. */
const PERMUTATION: Uint8Array = Uint8Array.from(
  Buffer.from(
    "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2" +
      "179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82" +
      "54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626" +
      "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7" +
      "08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec" +
      "c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731" +
      "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9" +
      "0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad",
    "hex",
  ),
);
const BLOCK_BYTES = 8;
const ROTATIONS = [1, 2, 3, 5] as const;

/**
 * Opens what RC2 has locked in blocks that are chained, as PKCS12 stores of Java 8 and of OpenSSL 1
 * are; runtimes no longer have it. It protects nothing: 40 bits are guessed.
 *
 * @returns undefined when the padding is not right, which a wrong key causes.
 */
export function decryptRc2(
  locked: Uint8Array,
  key: Uint8Array,
  iv: Uint8Array,
): Uint8Array | undefined {
  if (locked.length === 0 || locked.length % BLOCK_BYTES !== 0) return undefined;
  const words = expandedKey(key);
  const plain = new Uint8Array(locked.length);
  let previous = iv;
  for (let at = 0; at < locked.length; at += BLOCK_BYTES) {
    const block = locked.subarray(at, at + BLOCK_BYTES);
    decryptBlock(block, words).forEach((word, i) => {
      plain[at + 2 * i] = (word & 0xff) ^ (previous[2 * i] ?? 0);
      plain[at + 2 * i + 1] = (word >> 8) ^ (previous[2 * i + 1] ?? 0);
    });
    previous = block;
  }
  const padding = plain[plain.length - 1] ?? 0;
  const isPadded = padding >= 1 && padding <= BLOCK_BYTES;
  if (!isPadded || plain.subarray(-padding).some((byte) => byte !== padding)) return undefined;
  return plain.subarray(0, -padding);
}

/** 64 words; all bits of the key count. */
function expandedKey(key: Uint8Array): Uint16Array {
  const bytes = new Uint8Array(128);
  bytes.set(key);
  const byte = (at: number): number => bytes[at] ?? 0;
  for (let i = key.length; i < 128; i++) {
    bytes[i] = PERMUTATION[(byte(i - 1) + byte(i - key.length)) & 0xff] ?? 0;
  }
  bytes[128 - key.length] = PERMUTATION[byte(128 - key.length)] ?? 0;
  for (let i = 127 - key.length; i >= 0; i--) {
    bytes[i] = PERMUTATION[byte(i + 1) ^ byte(i + key.length)] ?? 0;
  }
  return Uint16Array.from({ length: 64 }, (_, i) => byte(2 * i) | (byte(2 * i + 1) << 8));
}

/** Undoes 16 rounds of mixing, with a mash after the 5th and the 11th. */
function decryptBlock(block: Uint8Array, words: Uint16Array): readonly number[] {
  const r = [0, 1, 2, 3].map((i) => (block[2 * i] ?? 0) | ((block[2 * i + 1] ?? 0) << 8));
  const at = (i: number): number => r[i & 3] ?? 0;
  for (let round = 15; round >= 0; round--) {
    for (let i = 3; i >= 0; i--) {
      const turn = ROTATIONS[i] as number;
      const turned = ((at(i) >> turn) | (at(i) << (16 - turn))) & 0xffff;
      const mixed = (at(i + 3) & at(i + 2)) + (~at(i + 3) & at(i + 1));
      r[i] = (turned - (words[4 * round + i] ?? 0) - mixed) & 0xffff;
    }
    if (round !== 5 && round !== 11) continue;
    for (let i = 3; i >= 0; i--) r[i] = (at(i) - (words[at(i + 3) & 63] ?? 0)) & 0xffff;
  }
  return r;
}
