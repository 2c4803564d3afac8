import type { WriteOperation } from "../../client/mod.ts";

/** What is known of one znode. */
export interface ModelNode {
  readonly data: string;
  readonly version: number;
  readonly isEphemeral: boolean;
}

/** One request, as it is sent: a write alone, or a multi, which may be meant to fail. */
export interface Step {
  readonly operations: readonly WriteOperation[];
  readonly isMulti: boolean;
  readonly fails: boolean;
}

/** The children of one folder into which a single session writes. */
export class FolderModel {
  readonly folder: string;
  readonly nodes: Map<string, ModelNode>;
  /** Children ever created: the next number of a sequential one. */
  created: number;

  constructor(folder: string, from?: FolderModel) {
    this.folder = folder;
    this.nodes = new Map(from?.nodes);
    this.created = from?.created ?? 0;
  }

  copy(): FolderModel {
    return new FolderModel(this.folder, this);
  }

  /** Does what the server must do. @returns the paths created, in order. */
  apply(step: Step): string[] {
    return step.fails ? [] : step.operations.flatMap((operation) => this.#applyOne(operation));
  }

  /** A session that ends takes its ephemerals along. */
  endSession(): void {
    for (const [path, { isEphemeral }] of this.nodes) if (isEphemeral) this.nodes.delete(path);
  }

  /** One line for each difference to what a server showed. */
  differences(seen: ReadonlyMap<string, ModelNode>): string[] {
    const lines: string[] = [];
    for (const [path, node] of this.nodes) {
      const other = seen.get(path);
      if (other === undefined) lines.push(`${path} is missing, ${JSON.stringify(node)}`);
      else if (other.data !== node.data || other.version !== node.version) {
        lines.push(`${path} is ${JSON.stringify(other)}, not ${JSON.stringify(node)}`);
      } else if (other.isEphemeral !== node.isEphemeral) {
        lines.push(`${path} has another owner`);
      }
    }
    for (const path of seen.keys()) {
      if (!this.nodes.has(path)) lines.push(`${path} should not be there`);
    }
    return lines;
  }

  #applyOne(operation: WriteOperation): string[] {
    switch (operation.type) {
      case "create": {
        const mode = operation.mode ?? "persistent";
        const suffix = String(this.created).padStart(10, "0");
        const path = mode.endsWith("sequential") ? operation.path + suffix : operation.path;
        this.created += 1;
        const isEphemeral = mode.startsWith("ephemeral");
        this.nodes.set(path, { data: String(operation.data), version: 0, isEphemeral });
        return [path];
      }
      case "setData": {
        const node = this.nodes.get(operation.path);
        if (node === undefined) throw new Error(`the test sets ${operation.path}, which is not`);
        const version = node.version + 1;
        this.nodes.set(operation.path, { ...node, data: String(operation.data), version });
        return [];
      }
      case "delete":
        this.nodes.delete(operation.path);
        return [];
      default:
        return [];
    }
  }
}

/** Steps that are valid one after the other, from a seed. */
export class StepGenerator {
  readonly #model: FolderModel;
  readonly #random: () => number;
  /** Writes made so far; their data and names differ by it. */
  count: number;

  /** @param model the state after all steps so far; the generator applies each new one. */
  constructor(model: FolderModel, random: () => number, count = 0) {
    this.#model = model;
    this.#random = random;
    this.count = count;
  }

  next(): Step & { readonly paths: readonly string[] } {
    const step = this.#make();
    return { ...step, paths: this.#model.apply(step) };
  }

  #make(): Step {
    const dice = this.#random();
    if (dice < 0.2) return this.#multi();
    return { operations: [this.#write(new Set())], isMulti: false, fails: false };
  }

  #multi(): Step {
    const used = new Set<string>();
    const length = 2 + Math.floor(this.#random() * 4);
    const operations = Array.from({ length }, () => this.#write(used));
    const fails = this.#random() < 0.2;
    if (fails) operations.push({ type: "check", path: this.#model.folder, version: 7 });
    return { operations, isMulti: true, fails };
  }

  /** @param used paths of the same multi, which are left alone. */
  #write(used: Set<string>): WriteOperation {
    this.count += 1;
    const paths = [...this.#model.nodes.keys()].filter((path) => !used.has(path));
    const path = paths[Math.floor(this.#random() * paths.length)];
    const data = `${this.count}:${"x".repeat(Math.floor(this.#random() * 200))}`;
    const dice = this.#random() + (paths.length > 120 ? 0.3 : 0);
    if (path === undefined || dice < 0.4) return this.#create(data);
    used.add(path);
    return dice < 0.8 ? { type: "setData", path, data } : { type: "delete", path };
  }

  #create(data: string): WriteOperation {
    const { folder } = this.#model;
    const dice = this.#random();
    if (dice < 0.5)
      return { type: "create", path: `${folder}/n${this.count}-${data.length}`, data };
    const mode =
      dice < 0.7 ? "persistent-sequential" : dice < 0.85 ? "ephemeral" : "ephemeral-sequential";
    const name = mode === "ephemeral" ? `e${this.count}` : "s";
    return { type: "create", path: `${folder}/${name}`, data, mode };
  }
}

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
