/** What a key or trust store holds, whatever its format. */
export interface StoreContents {
  /** The first private key; undefined when there is none. */
  readonly key: StoreKey | undefined;
  /** Certificates that are trusted, as DER, as Java would take them from the store. */
  readonly trusted: readonly Uint8Array[];
}

/** A private key that is still locked, and its certificates. */
export interface StoreKey {
  /**
   * The key as PKCS8 in DER.
   *
   * @throws {StoreProblem} when the password does not open it.
   */
  unlock(): Uint8Array;
  /** Its certificate, then those that lead from it towards the root, as DER. */
  readonly chain: readonly Uint8Array[];
}

/** Why a store cannot be read, and which of its options would have to change. */
export class StoreProblem extends Error {
  override readonly name = "StoreProblem";
  readonly field: "location" | "password" | "type";

  constructor(field: StoreProblem["field"], problem: string, options?: ErrorOptions) {
    super(problem, options);
    this.field = field;
  }
}

/** How to make a store that can be read of one that cannot. */
export const CONVERT = "keytool -importkeystore -deststoretype PKCS12 makes one that can be read";

/** Said where a password does not open what it should. */
export const WRONG_PASSWORD = "it does not open with this password, or it was changed";
