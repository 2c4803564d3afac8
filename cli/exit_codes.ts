/** What the command's exit code says; stable, so that scripts may rely on it. */
export const EXIT_CODES = {
  /** It did what was asked; for `serve`: it was stopped by a signal. */
  ok: 0,
  /** Something nobody foresaw; the message is on standard error. */
  unexpected: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** The data directory cannot be used, or a disk failed. */
  storage: 3,
  /** An address cannot be listened on. */
  address: 4,
} as const;
