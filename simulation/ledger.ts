import { readTxnHeader, TxnHeader } from "../core/tree/txn.ts";
import { epochOf, formatZxid, ZXID_ZERO, type Zxid } from "../core/wire/zxid.ts";
import { kept } from "./kept.ts";

/** A transaction that a serving server has delivered. */
export interface LedgerEntry {
  readonly zxid: Zxid;
  readonly previous: Zxid;
  readonly bytes: Uint8Array;
}

/** A server's way through the ledger. */
interface Position {
  /** Last transaction of its tree. */
  at: Zxid;
  isServing: boolean;
  /** Delivered while it does not serve: it may still be told that these are not committed. */
  tentative: LedgerEntry[];
}

/**
 * What the ensemble has committed, in order, gathered from every server: each must deliver the same
 * transactions, with the same bytes, without a gap, and whoever leads must know all of them.
 */
export class Ledger {
  readonly entries: LedgerEntry[] = [];
  /** Told each transaction when it is first seen to be committed. */
  readonly committed: Set<(entry: LedgerEntry) => void> = new Set();
  readonly #byZxid = new Map<Zxid, LedgerEntry>();
  /** All that was ever delivered, committed or not; a snapshot may contain it. */
  readonly #heard = new Map<Zxid, LedgerEntry>();
  /** What comes after a zxid. */
  readonly #next = new Map<Zxid, LedgerEntry>();
  readonly #positions = new Map<number, Position>();
  /** Who led in an epoch. */
  readonly #leaders = new Map<number, number>();
  readonly #header = new TxnHeader();
  readonly #violated: (problem: string) => void;

  constructor(violated: (problem: string) => void) {
    this.#violated = violated;
  }

  /** Zxid of the newest transaction. */
  get last(): Zxid {
    return this.entries.at(-1)?.zxid ?? ZXID_ZERO;
  }

  /** The server that leads the newest epoch, while it serves. */
  get leader(): number | undefined {
    const newest = Math.max(...this.#leaders.keys());
    const server = this.#leaders.get(newest);
    return server !== undefined && this.isServing(server) ? server : undefined;
  }

  /** Whether a server takes reads and writes now. */
  isServing(server: number): boolean {
    return this.#position(server).isServing;
  }

  /** Changes of leader so far, the first one not counted. */
  get leaderChanges(): number {
    return Math.max(0, this.#leaders.size - 1);
  }

  /** Zxid of the last transaction in the tree of a server. */
  positionOf(server: number): Zxid {
    return this.#position(server).at;
  }

  /** A server begins a new life. */
  started(server: number): void {
    this.#positions.set(server, { at: ZXID_ZERO, isServing: false, tentative: [] });
  }

  /** A server's tree was replaced by a snapshot. */
  replaced(server: number, zxid: Zxid): void {
    const position = this.#position(server);
    position.at = zxid;
    position.tentative = [];
    if (position.isServing) this.#violated(`server ${server} replaced its tree while serving`);
  }

  /** A server delivered a transaction. The bytes may be used again after the call. */
  delivered(server: number, bytes: Uint8Array, start: number, end: number): void {
    readTxnHeader(this.#header, bytes, start);
    const { zxid } = this.#header;
    const position = this.#position(server);
    const previous = position.at;
    if (zxid <= previous) {
      this.#violated(
        `server ${server} delivered ${formatZxid(zxid)} after ${formatZxid(previous)}`,
      );
      return;
    }
    position.at = zxid;
    const known = this.#next.get(previous);
    const isSame = known?.zxid === zxid && areEqual(known.bytes, bytes, start, end);
    if (isSame && position.isServing) return;
    const entry = isSame ? known : { zxid, previous, bytes: kept(bytes, start, end) };
    if (position.isServing) {
      this.#commit(server, entry);
    } else {
      position.tentative.push(entry);
      this.#heard.set(zxid, entry);
    }
  }

  /** A server begins or ends to serve; what it has delivered so far counts as committed then. */
  serves(server: number, isServing: boolean): void {
    const position = this.#position(server);
    position.isServing = isServing;
    if (!isServing) return;
    for (const entry of position.tentative.splice(0)) this.#commit(server, entry);
    if (position.at > this.last) this.#commitGap(server, position.at);
  }

  /** A server is established as the leader of an epoch, and serves. */
  leads(server: number, epoch: number): void {
    const other = this.#leaders.get(epoch);
    if (other !== undefined && other !== server) {
      this.#violated(`servers ${other} and ${server} both lead epoch ${epoch}`);
    }
    this.#leaders.set(epoch, server);
    const { at } = this.#position(server);
    const isNewest = epochOf(this.last) <= epoch;
    if (isNewest && at < this.last) {
      const [has, last] = [formatZxid(at), formatZxid(this.last)];
      this.#violated(`server ${server} leads epoch ${epoch} at ${has}, but ${last} is committed`);
    }
  }

  /** A leader made a proposal. */
  proposed(server: number, zxid: Zxid): void {
    const known = this.#byZxid.get(zxid);
    if (known === undefined) return;
    this.#violated(`server ${server} proposed ${formatZxid(zxid)} anew, which is committed`);
  }

  #commit(server: number, entry: LedgerEntry): void {
    const known = this.#next.get(entry.previous);
    if (known === entry) return;
    const { bytes } = entry;
    if (known?.zxid === entry.zxid && areEqual(known.bytes, bytes, 0, bytes.length)) return;
    if (known === undefined) {
      if (entry.previous > this.last) this.#commitGap(server, entry.previous);
      if (entry.previous !== this.last) {
        const so = `but the ensemble has committed up to ${formatZxid(this.last)}`;
        this.#violated(`${deliveredText(server, entry)}, ${so}`);
        return;
      }
      this.entries.push(entry);
      this.#byZxid.set(entry.zxid, entry);
      this.#next.set(entry.previous, entry);
      for (const listener of this.committed) listener(entry);
    } else if (known.zxid !== entry.zxid) {
      this.#violated(`${deliveredText(server, entry)}, others ${formatZxid(known.zxid)}`);
    } else {
      this.#violated(`${deliveredText(server, entry)}, with other bytes than others`);
    }
  }

  /** A serving server has got these by a snapshot; somebody must have delivered them before. */
  #commitGap(server: number, through: Zxid): void {
    const chain: LedgerEntry[] = [];
    for (let at = through; at > this.last; ) {
      const entry = this.#heard.get(at);
      if (entry === undefined) {
        const last = formatZxid(this.last);
        this.#violated(`server ${server} has ${formatZxid(at)} from nobody, after ${last}`);
        return;
      }
      chain.push(entry);
      at = entry.previous;
    }
    for (const entry of chain.reverse()) this.#commit(server, entry);
  }

  #position(server: number): Position {
    let position = this.#positions.get(server);
    if (position === undefined) {
      this.started(server);
      position = this.#positions.get(server) as Position;
    }
    return position;
  }
}

function deliveredText(server: number, { zxid, previous }: LedgerEntry): string {
  return `server ${server} delivered ${formatZxid(zxid)} after ${formatZxid(previous)}`;
}

function areEqual(a: Uint8Array, b: Uint8Array, start: number, end: number): boolean {
  if (a.length !== end - start) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[start + i]) return false;
  return true;
}
