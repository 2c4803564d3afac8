/** What was asked of one znode, seen as a register with a version. */
export type RegisterOperation =
  | { readonly kind: "create"; readonly data: string }
  /** `version` -1 is any. */
  | { readonly kind: "set"; readonly data: string; readonly version: number }
  | { readonly kind: "delete"; readonly version: number }
  | { readonly kind: "read" };

/** What came of it. */
export type RegisterOutcome =
  | { readonly kind: "unknown" }
  /** `version` after a set; 0 after a create. */
  | { readonly kind: "done"; readonly version: number }
  | { readonly kind: "value"; readonly data: string; readonly version: number }
  /** Refused: there is no such znode, there is one already, or it has another version. */
  | { readonly kind: "NoNode" | "NodeExists" | "BadVersion" };

/** One operation between its call and its return. */
export interface RegisterCall {
  readonly operation: RegisterOperation;
  readonly outcome: RegisterOutcome;
  readonly calledAt: number;
  /** Ignored while the outcome is unknown: then it may take effect at any later time, or never. */
  readonly returnedAt: number;
}

/** What the register holds; undefined where there is no znode. */
type State = { readonly data: string; readonly version: number } | undefined;

interface Event {
  readonly index: number;
  readonly isCall: boolean;
  /** The return that belongs to a call. */
  match: Event | undefined;
  previous: Event | undefined;
  next: Event | undefined;
}

/** Steps after which a search is given up, and says so. */
const STEPS_MAX = 5_000_000;

/**
 * Whether there is one order of the operations on a register, starting without a znode, that
 * explains every outcome and in which nothing comes before what had returned when it was called.
 * Searches as Wing and Gong do, and remembers where it has been, as Lowe does.
 *
 * @throws {RangeError} when the search takes too long.
 */
export function isLinearizable(calls: readonly RegisterCall[]): boolean {
  return new Search(calls).run();
}

class Search {
  readonly #calls: readonly RegisterCall[];
  readonly #head: Event = {
    index: -1,
    isCall: false,
    match: undefined,
    previous: undefined,
    next: undefined,
  };
  /** Bit by bit, what stands in the order so far. */
  readonly #done: Uint32Array;
  readonly #visited = new Set<string>();
  readonly #trail: { readonly event: Event; readonly before: State }[] = [];
  /** Values that some outcome shows. */
  readonly #seen = new Set<string>();
  #state: State;
  #knownLeft = 0;

  constructor(calls: readonly RegisterCall[]) {
    this.#calls = calls;
    this.#done = new Uint32Array((calls.length >> 5) + 1);
    for (const { outcome } of calls) {
      if (outcome.kind === "value") this.#seen.add(outcome.data);
      if (outcome.kind !== "unknown") this.#knownLeft += 1;
    }
    this.#link();
  }

  run(): boolean {
    let event = this.#head.next;
    for (let steps = 0; this.#knownLeft > 0; steps++) {
      if (steps > STEPS_MAX) throw new RangeError(`no answer after ${STEPS_MAX} steps`);
      if (event?.isCall === true) {
        event = this.#tryNext(event) ? this.#head.next : event.next;
        continue;
      }
      // A return, or the end: whatever is left must come after something that cannot.
      const last = this.#trail.pop();
      if (last === undefined) return false;
      this.#undo(last.event);
      this.#state = last.before;
      event = last.event.next;
    }
    return true;
  }

  /** Puts a call next in the order, if that explains its outcome and leads somewhere new. */
  #tryNext(event: Event): boolean {
    const call = this.#calls[event.index] as RegisterCall;
    if (call.outcome.kind === "unknown" && this.#hasEarlierTwin(event)) return false;
    const after = this.#step(call);
    if (after === false) return false;
    this.#flip(event.index);
    const key = `${this.#done.join()} ${after?.version} ${after?.data}`;
    if (this.#visited.has(key)) {
      this.#flip(event.index);
      return false;
    }
    this.#visited.add(key);
    this.#trail.push({ event, before: this.#state });
    this.#state = after;
    if (call.outcome.kind !== "unknown") this.#knownLeft -= 1;
    unlink(event);
    if (event.match !== undefined) unlink(event.match);
    return true;
  }

  #undo(event: Event): void {
    const { outcome } = this.#calls[event.index] as RegisterCall;
    if (event.match !== undefined) relink(event.match);
    relink(event);
    this.#flip(event.index);
    if (outcome.kind !== "unknown") this.#knownLeft += 1;
  }

  /** Of several open writes whose values nobody saw, the one called first stands for all. */
  #hasEarlierTwin(event: Event): boolean {
    const { operation } = this.#calls[event.index] as RegisterCall;
    if (operation.kind !== "set" || this.#seen.has(operation.data)) return false;
    for (let other = this.#head.next; other !== undefined; other = other.next) {
      if (other === event) return false;
      const twin = this.#calls[other.index] as RegisterCall;
      if (!other.isCall || twin.outcome.kind !== "unknown") continue;
      const isSame = twin.operation.kind === "set" && twin.operation.version === operation.version;
      if (isSame && !this.#seen.has(twin.operation.data)) return true;
    }
    return false;
  }

  /** The state after a call, or false when its outcome could not have come here. */
  #step({ operation, outcome }: RegisterCall): State | false {
    const state = this.#state;
    const isOpen = outcome.kind === "unknown";
    switch (operation.kind) {
      case "read":
        if (outcome.kind === "NoNode") return state === undefined ? state : false;
        if (outcome.kind !== "value" || state === undefined) return false;
        return state.data === outcome.data && state.version === outcome.version ? state : false;
      case "create":
        if (outcome.kind === "NodeExists") return state !== undefined ? state : false;
        if (state !== undefined || !(isOpen || outcome.kind === "done")) return false;
        return { data: this.#nameOf(operation.data), version: 0 };
      case "set": {
        const refusal = refusalOf(state, operation.version);
        if (refusal !== undefined || state === undefined) {
          return outcome.kind === refusal ? state : false;
        }
        const version = state.version + 1;
        const isSo = isOpen || (outcome.kind === "done" && outcome.version === version);
        return isSo ? { data: this.#nameOf(operation.data), version } : false;
      }
      case "delete": {
        const refusal = refusalOf(state, operation.version);
        if (refusal !== undefined) return outcome.kind === refusal ? state : false;
        return isOpen || outcome.kind === "done" ? undefined : false;
      }
    }
  }

  #nameOf(data: string): string {
    return this.#seen.has(data) ? data : "?";
  }

  #flip(index: number): void {
    const word = this.#done[index >> 5] as number;
    this.#done[index >> 5] = word ^ (1 << (index & 31));
  }

  #link(): void {
    const events: { at: number; event: Event }[] = [];
    for (const [index, { calledAt, returnedAt, outcome }] of this.#calls.entries()) {
      const none = { match: undefined, previous: undefined, next: undefined };
      const call: Event = { index, isCall: true, ...none };
      events.push({ at: calledAt, event: call });
      if (outcome.kind === "unknown") continue; // Never over: there is no return to wait at.
      call.match = { index, isCall: false, ...none };
      events.push({ at: returnedAt, event: call.match });
    }
    let last = this.#head;
    for (const { event } of events.sort((a, b) => a.at - b.at)) {
      event.previous = last;
      last.next = event;
      last = event;
    }
  }
}

function refusalOf(state: State, version: number): "NoNode" | "BadVersion" | undefined {
  if (state === undefined) return "NoNode";
  return version !== -1 && version !== state.version ? "BadVersion" : undefined;
}

function unlink(event: Event): void {
  if (event.previous !== undefined) event.previous.next = event.next;
  if (event.next !== undefined) event.next.previous = event.previous;
}

function relink(event: Event): void {
  if (event.previous !== undefined) event.previous.next = event;
  if (event.next !== undefined) event.next.previous = event;
}
