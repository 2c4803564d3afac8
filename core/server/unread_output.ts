/** No number of bytes: the first answer is 0. */
const NOT_ASKED = -1;

/** Notices a client that takes nothing of the output that waits for it. */
export class UnreadOutput {
  #bytes = NOT_ASKED;
  #sinceMs = 0;

  /**
   * For how long `bufferedBytes` has not changed, ms. To be asked now and then while the transport
   * wants no more: what changes in between counts as progress.
   */
  waitedMs(now: number, bufferedBytes: number): number {
    if (bufferedBytes !== this.#bytes) this.#sinceMs = now;
    this.#bytes = bufferedBytes;
    return now - this.#sinceMs;
  }

  /** The transport has sent everything. */
  sent(): void {
    this.#bytes = NOT_ASKED;
  }
}
