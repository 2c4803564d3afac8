/** Notices a client that takes nothing of the output that waits for it. */
export class UnreadOutput {
  #bytes = 0;
  #sinceMs = 0;

  /**
   * For how long `bufferedBytes` has not changed while the transport wanted no more, ms. To be
   * asked now and then: what changes in between counts as progress.
   */
  waitedMs(now: number, isBlocked: boolean, bufferedBytes: number): number {
    if (!isBlocked || bufferedBytes !== this.#bytes) this.#sinceMs = now;
    this.#bytes = bufferedBytes;
    return now - this.#sinceMs;
  }
}
