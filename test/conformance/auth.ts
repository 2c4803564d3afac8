import assert from "node:assert/strict";
import type { AuthProvider } from "../../core/contracts/auth.ts";
import type { Peer } from "../../core/contracts/transport.ts";

/** What the suite needs to know of an implementation. */
export interface AuthProviderFixture {
  /** The runner's `test`. */
  readonly test: (name: string, run: () => Promise<void>) => void;
  readonly make: () => AuthProvider;
  /** What a client sends in an auth packet to be let in, and from where. */
  readonly accepted: { readonly data: Uint8Array; readonly peer: Peer };
  /** Ids that an ACL must not hold. */
  readonly invalidIds: readonly string[];
}

/** Registers the tests that every {@link AuthProvider} passes. */
export function testAuthProvider({ test, make, accepted, invalidIds }: AuthProviderFixture): void {
  test("AuthProvider.authenticate() gives an id of its scheme that an ACL may hold", async () => {
    const provider = make();
    const outcome = provider.authenticate(accepted.data, accepted.peer);
    assert.ok(outcome.ok);
    const own = outcome.value.filter(({ scheme }) => scheme === provider.scheme);
    assert.ok(own.length > 0);
    for (const { id } of own) {
      assert.equal(provider.isValid(id), true, id);
      assert.equal(provider.matches(id, id), true, id);
    }
  });

  test("AuthProvider.authenticate() gives the same ids again, and changes no byte", async () => {
    const provider = make();
    const data = accepted.data.slice();
    const first = provider.authenticate(data, accepted.peer);
    assert.deepEqual(provider.authenticate(data, accepted.peer), first);
    assert.deepEqual(data, accepted.data);
  });

  test("AuthProvider.authenticate() answers any bytes and does not throw", async () => {
    const provider = make();
    for (const data of [[], [0], [58], [255, 254, 253], new Array<number>(10_000).fill(0x61)]) {
      const outcome = provider.authenticate(new Uint8Array(data), accepted.peer);
      assert.ok(outcome.ok || outcome.error === "AuthFailed");
    }
  });

  test("AuthProvider.isValid() refuses what is no id, and matches() never agrees", async () => {
    const provider = make();
    const outcome = provider.authenticate(accepted.data, accepted.peer);
    const ids = outcome.ok ? outcome.value.map(({ id }) => id) : [];
    for (const invalid of invalidIds) {
      assert.equal(provider.isValid(invalid), false, invalid);
      for (const id of ids) assert.equal(provider.matches(id, invalid), false, invalid);
    }
  });

  test("AuthProvider.identify() gives ids of its own scheme only", async () => {
    const provider = make();
    for (const address of ["127.0.0.1", "::1", "in-process", ""]) {
      const ids = provider.identify({ ...accepted.peer, address });
      for (const { scheme } of ids) assert.equal(scheme, provider.scheme);
    }
  });
}
