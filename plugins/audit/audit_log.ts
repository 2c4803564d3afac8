import type { AppliedWrite, Auditor } from "../../core/contracts/audit.ts";
import type { AuthProvider } from "../../core/contracts/auth.ts";
import type { WriteRequest } from "../../core/contracts/consensus.ts";
import type { Peer } from "../../core/contracts/transport.ts";
import { JuteReader } from "../../core/wire/jute.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import type { Id } from "../../core/wire/records.ts";
import { SessionId, SessionMap } from "../../core/wire/session_id.ts";
import {
  type AuditedOperation,
  isAudited,
  isCreate,
  readMadePaths,
  readOperations,
} from "./requests.ts";

/** How an event ended; `invoked` when nobody can know yet. */
export type AuditResult = "success" | "failure" | "invoked";

/** Takes one finished line, without its end. */
export type WriteAuditLine = (line: string, result: AuditResult) => void;

/** A write whose transaction has not come yet. */
interface Pending {
  readonly cxid: number;
  readonly opcode: number;
  readonly user: string | undefined;
  readonly ip: string;
  /** Undefined for a request that cannot be read: it is not in the log. */
  readonly operations: readonly AuditedOperation[] | undefined;
}

/**
 * Writes a line for every write of a client, successful or not, for ephemeral znodes that go with
 * their session, and for start and stop: fields and operations of Apache's audit log
 * (`AuditHelper`, `ZKAuditProvider` and `DataTree.killSession` in Apache ZooKeeper).
 */
export class AuditLog implements Auditor {
  readonly #write: WriteAuditLine;
  readonly #providers: ReadonlyMap<string, AuthProvider>;
  readonly #serverUser: string;
  #pending = new SessionMap<Pending[]>();

  /** @param serverUser the user that the server runs as. */
  constructor(write: WriteAuditLine, providers: readonly AuthProvider[], serverUser: string) {
    this.#write = write;
    this.#providers = new Map(providers.map((provider) => [provider.scheme, provider]));
    this.#serverUser = serverUser;
  }

  submitted(request: WriteRequest, peer: Peer): void {
    const { session, cxid, opcode, bytes, bodyStart, bodyEnd } = request;
    if (!isAudited(opcode)) return;
    const entry: Pending = {
      cxid,
      opcode,
      user: this.#usersOf(request.ids),
      ip: peer.address,
      operations: readOperations(opcode, bytes, bodyStart, bodyEnd),
    };
    const queue = this.#pending.get(session);
    if (queue === undefined) this.#pending.set(session, [entry]);
    else queue.push(entry);
  }

  applied(write: AppliedWrite): void {
    const { sessionHigh, sessionLow } = write;
    if (write.type === OPCODES.closeSession) return this.#sessionClosed(write);
    const queue = this.#pending.getHalves(sessionHigh, sessionLow);
    const at = queue?.findIndex(({ cxid }) => cxid === write.cxid) ?? -1;
    if (queue === undefined || at === -1) return;
    const entry = queue[at] as Pending;
    queue.splice(0, at + 1);
    this.#tell(entry, write);
  }

  abandoned(): void {
    this.#pending = new SessionMap();
  }

  started(isServing: boolean): void {
    this.#log({ user: this.#serverUser, operation: "serverStart" }, isServing);
  }

  stopping(): void {
    const fields = { user: this.#serverUser, operation: "serverStop" };
    this.#write(format(fields, "invoked"), "invoked");
  }

  #tell(entry: Pending, write: AppliedWrite): void {
    const { operations, user, ip, opcode } = entry;
    if (operations === undefined) return;
    const session = new SessionId(write.sessionHigh, write.sessionLow).toString();
    const by = { session, user, ip };
    if (opcode === OPCODES.multi) return this.#tellMulti(by, operations, write);
    if (opcode === OPCODES.reconfig) {
      return this.#log({ ...by, operation: "reconfig" }, write.error === undefined);
    }
    const operation = operations[0] as AuditedOperation;
    const isDone = write.error === undefined;
    const isMade = isDone && isCreate(opcode);
    const znode = isMade ? new JuteReader(write.reply).string() : operation.path;
    this.#log({ ...by, ...describe(operation, znode, operation.mode) }, isDone);
  }

  /** The operations one by one, or one line for a multi that failed. */
  #tellMulti(by: Fields, operations: readonly AuditedOperation[], write: AppliedWrite): void {
    const made = write.error === undefined ? readMadePaths(write.reply) : undefined;
    if (made === undefined) return this.#log({ ...by, operation: "multiOperation" }, false);
    let next = 0;
    for (const operation of operations) {
      const { opcode, path, mode } = operation;
      if (opcode === OPCODES.check) continue;
      const znode = isCreate(opcode) ? (made[next++] ?? null) : path;
      // Apache finds the mode by the final path, and only where there is no time to live.
      const isNamed = znode === path && opcode !== OPCODES.createTtl;
      this.#log({ ...by, ...describe(operation, znode, isNamed ? mode : undefined) }, true);
    }
  }

  /** Nobody hears of writes that were under way: they were answered, or their client is gone. */
  #sessionClosed({ sessionHigh, sessionLow, txn }: AppliedWrite): void {
    const id = new SessionId(sessionHigh, sessionLow);
    this.#pending.delete(id);
    const session = id.toString();
    for (const znode of new JuteReader(txn).strings() ?? []) {
      const operation = "ephemeralZNodeDeletionOnSessionCloseOrExpire";
      this.#log({ session, user: this.#serverUser, operation, znode }, true);
    }
  }

  /** Names without their schemes, as Apache writes them; undefined for nobody. */
  #usersOf(ids: readonly Id[]): string | undefined {
    const names = ids.flatMap(({ scheme, id }) => this.#providers.get(scheme)?.userName(id) ?? []);
    return names.length === 0 ? undefined : names.join(",");
  }

  #log(fields: Fields, isSuccess: boolean): void {
    const result = isSuccess ? "success" : "failure";
    this.#write(format(fields, result), result);
  }
}

interface Fields {
  readonly session?: string;
  readonly user?: string | undefined;
  readonly ip?: string;
  readonly operation?: string;
  readonly znode?: string | null;
  readonly znode_type?: string | undefined;
  readonly acl?: string | undefined;
}

/** The order in which they are written. */
const FIELDS = ["session", "user", "ip", "operation", "znode", "znode_type", "acl"] as const;

function describe(
  { opcode, acl }: AuditedOperation,
  znode: string | null,
  mode: string | undefined,
): Fields {
  return { operation: OPERATIONS.get(opcode) ?? "create", znode, znode_type: mode, acl };
}

const OPERATIONS = new Map<number, string>([
  [OPCODES.delete, "delete"],
  [OPCODES.setData, "setData"],
  [OPCODES.setAcl, "setAcl"],
]);

function format(fields: Fields, result: AuditResult): string {
  const parts: string[] = [];
  for (const name of FIELDS) {
    const value = fields[name];
    if (value !== undefined && value !== null) parts.push(`${name}=${escapeControls(value)}`);
  }
  return [...parts, `result=${result}`].join("\t");
}

/** Names come from clients: none may begin a line or a field of its own. */
function escapeControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
  return text.replace(/[\u0000-\u001f\u007f\u0085\u2028\u2029]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
