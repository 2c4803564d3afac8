import { decodeUtf8 } from "../wire/jute.ts";
import { lastName, type PathRef, parentPath } from "./path.ts";
import { NO_NODE, type Tree } from "./tree.ts";

const QUOTA_ROOT = "/zookeeper/quota";
const LIMITS_NAME = "zookeeper_limits";
const STATS_NAME = "zookeeper_stats";
/** No limit, or nothing counted. */
const UNLIMITED = -1;

/** What limits and statistics nodes hold (CP 14). -1 stands for "no limit". */
export interface QuotaNumbers {
  readonly count: number;
  readonly bytes: number;
  readonly countHardLimit: number;
  readonly byteHardLimit: number;
}

/** The quota that applies to a path. */
export interface Quota {
  /** Where it is set. */
  readonly path: string;
  readonly limits: QuotaNumbers;
  /** Whether Apache could read the text of the limits; it refuses writes below `path` if not. */
  readonly isReadable: boolean;
  /** What is there; undefined when the statistics node is missing. */
  readonly stats: QuotaNumbers | undefined;
}

/** Reads the text of a limits or statistics node; what it does not name is -1. */
export function parseQuota(text: string): QuotaNumbers {
  const values = new Map<string, number>();
  for (const part of text.split(/[,;]+/)) {
    const [key, value] = part.split("=");
    if (key !== undefined && value !== undefined) values.set(key, Number.parseInt(value, 10));
  }
  const number = (key: string): number => {
    const value = values.get(key) ?? Number.NaN;
    return Number.isNaN(value) ? UNLIMITED : value;
  };
  return {
    count: number("count"),
    bytes: number("bytes"),
    countHardLimit: number("countHardLimit"),
    byteHardLimit: number("byteHardLimit"),
  };
}

/** Whether every part of the text names a number, as Apache's parser demands. */
function isReadable(text: string): boolean {
  return text === "" || text.split(/[,;]+/).every((part) => /^[^=]*=[+-]?[0-9]+(=|$)/.test(part));
}

/** Writes what {@link parseQuota} reads, as Apache does: the odd `=` stops parsers before 3.7. */
export function formatQuota(numbers: QuotaNumbers): string {
  let text = `count=${numbers.count},bytes=${numbers.bytes}`;
  const hard: string[] = [];
  if (numbers.byteHardLimit !== UNLIMITED) hard.push(`byteHardLimit=${numbers.byteHardLimit}`);
  if (numbers.countHardLimit !== UNLIMITED) hard.push(`countHardLimit=${numbers.countHardLimit}`);
  if (hard.length > 0) text += `=;${hard.join(";")}`;
  return text;
}

/**
 * The quotas of a tree: which paths have limits, and their statistics nodes kept up to date in
 * place. Costs a comparison for each change while there are none.
 */
export class Quotas {
  readonly #tree: Tree;
  readonly #paths = new Set<string>();

  constructor(tree: Tree) {
    this.#tree = tree;
    this.rebuild();
  }

  /** Whether any path has limits. */
  get isEmpty(): boolean {
    return this.#paths.size === 0;
  }

  /** Looks for quotas in the tree, after it was loaded, and counts anew what each has. */
  rebuild(): void {
    this.#paths.clear();
    for (const path of limitedPaths(this.#tree)) this.#paths.add(path);
    for (const path of this.#paths) this.#recount(path);
  }

  /** The deepest quota at or above `path`; for prepare, which enforces hard limits. */
  at(path: string): Quota | undefined {
    const limited = this.#deepest(path);
    return limited === undefined ? undefined : readQuota(this.#tree, limited);
  }

  /** After a create. */
  created(node: number, path: PathRef): void {
    const tree = this.#tree;
    if (tree.isOutsideDigest(node)) return this.#systemCreated(path.text());
    if (this.#paths.size > 0) this.#adjust(path.text(), 1, tree.dataLength(node));
  }

  /** Before a delete. */
  deleting(node: number, path: PathRef): void {
    const tree = this.#tree;
    if (tree.isOutsideDigest(node)) {
      const text = path.text();
      if (isQuotaNode(text, LIMITS_NAME)) this.#paths.delete(limitedPath(text));
    } else if (this.#paths.size > 0) this.#adjust(path.text(), -1, -tree.dataLength(node));
  }

  /** After a setData that made the data longer by `grownBytes`. */
  dataSet(node: number, path: PathRef, grownBytes: number): void {
    if (this.#paths.size === 0 || grownBytes === 0 || this.#tree.isOutsideDigest(node)) return;
    this.#adjust(path.text(), 0, grownBytes);
  }

  #systemCreated(path: string): void {
    if (isQuotaNode(path, LIMITS_NAME)) this.#paths.add(limitedPath(path));
    if (isQuotaNode(path, STATS_NAME)) this.#recount(limitedPath(path));
  }

  #adjust(path: string, count: number, bytes: number): void {
    const limited = this.#deepest(path);
    if (limited === undefined) return;
    const statsPath = `${QUOTA_ROOT}${limited}/${STATS_NAME}`;
    const stats = readNumbers(this.#tree, statsPath);
    if (stats === undefined) return;
    this.#write(statsPath, { ...stats, count: stats.count + count, bytes: stats.bytes + bytes });
  }

  #recount(limited: string): void {
    const tree = this.#tree;
    const top = tree.findPath(limited);
    let count = 0;
    let bytes = 0;
    for (let n = top; n !== NO_NODE; n = tree.nextBelow(n, top)) {
      count += 1;
      bytes += tree.dataLength(n);
    }
    const none = { countHardLimit: UNLIMITED, byteHardLimit: UNLIMITED };
    this.#write(`${QUOTA_ROOT}${limited}/${STATS_NAME}`, { count, bytes, ...none });
  }

  #deepest(path: string): string | undefined {
    for (let at = path; at !== ""; at = parentPath(at)) if (this.#paths.has(at)) return at;
    return undefined;
  }

  #write(path: string, numbers: QuotaNumbers): void {
    const node = this.#tree.findPath(path);
    if (node !== NO_NODE) this.#tree.setDataInPlace(node, ENCODER.encode(formatQuota(numbers)));
  }
}

/** Every quota of a tree, in the order of its znodes below `/zookeeper/quota`. */
export function allQuotas(tree: Tree): Quota[] {
  return limitedPaths(tree).flatMap((path) => readQuota(tree, path) ?? []);
}

function limitedPaths(tree: Tree): string[] {
  const found: string[] = [];
  const top = tree.findPath(QUOTA_ROOT);
  if (top === NO_NODE) return found;
  for (let n = tree.nextBelow(top, top); n !== NO_NODE; n = tree.nextBelow(n, top)) {
    const path = tree.pathOf(n);
    if (isQuotaNode(path, LIMITS_NAME)) found.push(limitedPath(path));
  }
  return found;
}

function readQuota(tree: Tree, path: string): Quota | undefined {
  const text = textOf(tree, `${QUOTA_ROOT}${path}/${LIMITS_NAME}`);
  if (text === undefined) return undefined;
  const stats = readNumbers(tree, `${QUOTA_ROOT}${path}/${STATS_NAME}`);
  return { path, limits: parseQuota(text), isReadable: isReadable(text), stats };
}

function readNumbers(tree: Tree, path: string): QuotaNumbers | undefined {
  const text = textOf(tree, path);
  return text === undefined ? undefined : parseQuota(text);
}

function textOf(tree: Tree, path: string): string | undefined {
  const node = tree.findPath(path);
  if (node === NO_NODE) return undefined;
  const data = tree.data(node) ?? new Uint8Array(0);
  return decodeUtf8(data, 0, data.length);
}

/** Whether a path is the limits or statistics node of a quota; one on the root is ignored. */
function isQuotaNode(path: string, name: string): boolean {
  return lastName(path) === name && parentPath(path).startsWith(`${QUOTA_ROOT}/`);
}

/** `/a` for `/zookeeper/quota/a/zookeeper_limits`. */
function limitedPath(path: string): string {
  return parentPath(path).slice(QUOTA_ROOT.length);
}

const ENCODER = new TextEncoder();
