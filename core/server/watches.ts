/** Kinds of watch one connection may have on one path of one table; they coexist. Bits. */
export const WATCH = { standard: 1, persistent: 2, recursive: 4 } as const;

const ANY = WATCH.standard | WATCH.persistent | WATCH.recursive;

/** So many watchers of one path are told first; then the list of each is looked at. */
const MANY = 64;

/**
 * Somebody who watches: hears of a change through the function given to {@link WatchTable.trigger}.
 */
export interface Watcher {
  /** Paths this watcher has entries for, with the table; kept, and read, by the tables alone. */
  readonly watched: Map<WatchTable<Watcher>, Set<string>>;
}

/** Who was told of a change, in the order they were. */
export interface Told<W> {
  readonly size: number;
  has(watcher: W): boolean;
  keys(): Iterable<W>;
}

/**
 * Who watches which path: one table for data, one for children. A pure index; events are the
 * caller's to send. Watches belong to a connection, not to a session (CP 5.2).
 */
export class WatchTable<W extends Watcher = Watcher> {
  readonly #byPath = new Map<string, Map<W, number>>();
  /** Watches of a path that are used up, but still stand in {@link Watcher.watched}. */
  #spent: (readonly [path: string, watchers: Map<W, number>])[] = [];
  #count = 0;
  /** Recursive watches by the length of their path, so that only those ancestors are looked up. */
  readonly #recursiveLengths = new Map<number, number>();

  /** Pairs of path and watcher. */
  get count(): number {
    return this.#count;
  }

  get pathCount(): number {
    return this.#byPath.size;
  }

  /** True when nothing can be triggered, so that callers need not even make a path. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Adds a kind of watch; one that is there already is not an error. */
  add(path: string, watcher: W, kind: number): void {
    this.#settle();
    let watchers = this.#byPath.get(path);
    if (watchers === undefined) this.#byPath.set(path, (watchers = new Map()));
    const before = watchers.get(watcher) ?? 0;
    if (before === 0) {
      this.#count += 1;
      this.#remember(watcher, path);
    }
    if ((kind & ~before & WATCH.recursive) !== 0) this.#countRecursive(path, 1);
    watchers.set(watcher, before | kind);
  }

  /** Whether `watcher` has one of the kinds in `kinds` on `path`. */
  has(path: string, watcher: W, kinds: number = ANY): boolean {
    return ((this.#byPath.get(path)?.get(watcher) ?? 0) & kinds) !== 0;
  }

  /** Takes kinds of watch away. @returns whether there was one. */
  remove(path: string, watcher: W, kinds: number = ANY): boolean {
    this.#settle();
    const watchers = this.#byPath.get(path);
    const before = watchers?.get(watcher) ?? 0;
    if (watchers === undefined || (before & kinds) === 0) return false;
    if ((before & kinds & WATCH.recursive) !== 0) this.#countRecursive(path, -1);
    const left = before & ~kinds;
    if (left === 0) this.#forget(path, watchers, watcher);
    else watchers.set(watcher, left);
    return true;
  }

  /** Takes away everything of a watcher, as when its connection closes. */
  removeAll(watcher: W): void {
    this.#settle();
    const paths = watcher.watched.get(this as unknown as WatchTable);
    if (paths === undefined) return;
    for (const path of [...paths]) this.remove(path, watcher);
  }

  /**
   * Tells every watcher of `path` once, uses up standard watches, and with `withAncestors` tells
   * those who watch an ancestor recursively, once each as well.
   *
   * @param skip watchers that are not told (their standard watches are used up all the same).
   * @returns who was told, or undefined for nobody.
   */
  trigger(
    path: string,
    withAncestors: boolean,
    tell: (watcher: W) => void,
    skip?: Told<W>,
  ): Told<W> | undefined {
    let told = this.#fire(path);
    if (withAncestors && this.#recursiveLengths.size > 0) told = this.#addAncestors(path, told);
    if (told === undefined) return undefined;
    for (const watcher of told.keys()) {
      if (skip === undefined || !skip.has(watcher)) tell(watcher);
    }
    return told;
  }

  /** Paths that a watcher watches, in the order it began to. */
  pathsOf(watcher: W): readonly string[] {
    this.#settle();
    return [...(watcher.watched.get(this as unknown as WatchTable) ?? [])];
  }

  /** Each path with who watches it, in the order the paths were first watched. */
  *entries(): IterableIterator<readonly [string, IterableIterator<W>]> {
    for (const [path, watchers] of this.#byPath) yield [path, watchers.keys()];
  }

  /** Uses up the standard watches of a path. @returns everybody who watches it. */
  #fire(path: string): Told<W> | undefined {
    const watchers = this.#byPath.get(path);
    if (watchers === undefined) return undefined;
    if (watchers.size >= MANY && isSpent(watchers)) {
      this.#byPath.delete(path);
      this.#count -= watchers.size;
      this.#spent.push([path, watchers]);
      return watchers;
    }
    const told = new Set(watchers.keys());
    for (const [watcher, kinds] of watchers) {
      if (kinds === WATCH.standard) this.#forget(path, watchers, watcher);
      else watchers.set(watcher, kinds & ~WATCH.standard);
    }
    return told;
  }

  /** Takes what {@link #fire} left out of the lists of the watchers. */
  #settle(): void {
    if (this.#spent.length === 0) return;
    const spent = this.#spent;
    this.#spent = [];
    for (const [path, watchers] of spent) {
      for (const watcher of watchers.keys()) this.#forgetPath(watcher, path);
    }
  }

  #addAncestors(path: string, direct: Told<W> | undefined): Told<W> | undefined {
    let told: Set<W> | undefined;
    let end = path.length;
    while (end > 1) {
      end = Math.max(path.lastIndexOf("/", end - 1), 0);
      const isWatched = this.#recursiveLengths.has(Math.max(end, 1));
      const watchers = isWatched ? this.#byPath.get(path.slice(0, end) || "/") : undefined;
      if (watchers !== undefined) {
        for (const [watcher, kinds] of watchers) {
          if ((kinds & WATCH.recursive) !== 0) (told ??= new Set(direct?.keys())).add(watcher);
        }
      }
      if (end === 0) break;
    }
    return told ?? direct;
  }

  #countRecursive(path: string, by: number): void {
    const count = (this.#recursiveLengths.get(path.length) ?? 0) + by;
    if (count === 0) this.#recursiveLengths.delete(path.length);
    else this.#recursiveLengths.set(path.length, count);
  }

  #remember(watcher: W, path: string): void {
    const key = this as unknown as WatchTable;
    let paths = watcher.watched.get(key);
    if (paths === undefined) watcher.watched.set(key, (paths = new Set()));
    paths.add(path);
  }

  #forget(path: string, watchers: Map<W, number>, watcher: W): void {
    watchers.delete(watcher);
    if (watchers.size === 0) this.#byPath.delete(path);
    this.#count -= 1;
    this.#forgetPath(watcher, path);
  }

  #forgetPath(watcher: W, path: string): void {
    watcher.watched.get(this as unknown as WatchTable)?.delete(path);
  }
}

/** Whether nobody goes on watching after one event. */
function isSpent(watchers: ReadonlyMap<unknown, number>): boolean {
  for (const kinds of watchers.values()) if (kinds !== WATCH.standard) return false;
  return true;
}
