import type { Preparer, WriteRequest } from "../contracts/consensus.ts";
import { ERROR_CODES, type ErrorName, ZkError } from "../errors/zk_error.ts";
import { TXN_HEADER_BYTES, writeTxnDigest } from "../tree/txn.ts";
import { JuteReader, type JuteWriter, putInt } from "../wire/jute.ts";
import { OPCODES } from "../wire/opcodes.ts";
import type { SessionId } from "../wire/session_id.ts";
import { type Zxid, zxidHigh, zxidLow } from "../wire/zxid.ts";
import { Overlay } from "./overlay.ts";
import type { PendingNode } from "./pending_node.ts";
import type { Permissions } from "./permissions.ts";
import { prepareMulti } from "./prepare_multi.ts";
import { prepareReconfig } from "./prepare_reconfig.ts";
import { type PrepareRules, WriteOperations } from "./prepare_write.ts";

/**
 * The preparer of one leadership: checks each request against the tree and all that is in flight,
 * and writes the transaction with every choice made.
 */
export class TreePreparer implements Preparer {
  readonly #overlay: Overlay;
  readonly #operations: WriteOperations;
  readonly #permissions: Permissions;
  readonly #reader = new JuteReader(new Uint8Array(0));

  constructor(rules: PrepareRules) {
    this.#overlay = new Overlay(rules.tree);
    this.#permissions = rules.permissions;
    this.#operations = new WriteOperations(this.#overlay, rules);
  }

  prepare(
    request: WriteRequest,
    stamp: { readonly zxid: Zxid; readonly timeMs: number },
    out: JuteWriter,
    refusal?: ErrorName,
  ): void {
    const start = this.#begin(request, stamp, out);
    this.#reader.reset(request.bytes, request.bodyStart, request.bodyEnd);
    this.#end(request, out, start, refusal ?? this.#prepareBody(request, out));
  }

  prepareReconfig(
    request: WriteRequest,
    stamp: { readonly zxid: Zxid; readonly timeMs: number },
    out: JuteWriter,
    membership: string,
  ): boolean {
    const start = this.#begin(request, stamp, out);
    const { context } = this.#operations;
    const parts = { overlay: this.#overlay, permissions: this.#permissions, context };
    const error = this.#operations.refuseSession(false) ?? prepareReconfig(membership, out, parts);
    this.#end(request, out, start, error);
    return error === undefined;
  }

  /** @returns where the transaction begins. */
  #begin(
    request: WriteRequest,
    stamp: { readonly zxid: Zxid; readonly timeMs: number },
    out: JuteWriter,
  ): number {
    const { context } = this.#operations;
    context.session = request.session;
    context.ids = request.ids;
    context.zxid = stamp.zxid;
    context.timeMs = stamp.timeMs;
    context.aclBytes = 0;
    this.#operations.txnType = request.opcode;
    this.#overlay.begin();
    return out.reserve(TXN_HEADER_BYTES);
  }

  #end(request: WriteRequest, out: JuteWriter, start: number, error: ErrorName | undefined): void {
    if (error === undefined) {
      writeTxnDigest(out, this.#overlay.digestHigh, this.#overlay.digestLow);
    } else {
      out.truncate(start + TXN_HEADER_BYTES);
      this.#operations.txnType = OPCODES.error;
      out.int(ERROR_CODES[error]);
    }
    this.#writeHeader(out.bytes, start, request);
  }

  /** Everything up to `zxid` has been applied. */
  release(zxid: Zxid): void {
    this.#overlay.release(zxid);
  }

  /**
   * The first node that is changed by what is in flight: by the next transaction to be applied, or
   * by a later one when that changes none.
   */
  get nextNode(): PendingNode | undefined {
    return this.#overlay.nextNode;
  }

  /** The node that is changed right after {@link nextNode}. */
  get secondNode(): PendingNode | undefined {
    return this.#overlay.secondNode;
  }

  /** A session's creation or closing has been applied. */
  releaseSession(session: SessionId, state: "created" | "closing"): void {
    this.#overlay.releaseSession(session, state);
  }

  #prepareBody(request: WriteRequest, out: JuteWriter): ErrorName | undefined {
    try {
      switch (request.opcode) {
        case OPCODES.createSession:
          out.int(this.#reader.int());
          this.#overlay.sessionCreated(request.session);
          return undefined;
        case OPCODES.closeSession:
          return this.#closeSession(request.session, out);
        case OPCODES.multi:
          prepareMulti(this.#reader, out, {
            operations: this.#operations,
            overlay: this.#overlay,
          });
          this.#operations.txnType = OPCODES.multi;
          return undefined;
        default:
          return this.#operations.prepare(request.opcode, this.#reader, out, false);
      }
    } catch (error) {
      this.#overlay.rollback();
      if (!(error instanceof ZkError)) throw error;
      return error.kind;
    }
  }

  #closeSession(session: SessionId, out: JuteWriter): ErrorName | undefined {
    if (!this.#overlay.isSessionAlive(session)) return "SessionExpired";
    this.#overlay.closeSession(session, this.#operations.context.zxid, out);
    return undefined;
  }

  #writeHeader(bytes: Uint8Array, at: number, request: WriteRequest): void {
    const { zxid, timeMs } = this.#operations.context;
    putInt(bytes, at, request.session.high);
    putInt(bytes, at + 4, request.session.low);
    putInt(bytes, at + 8, request.cxid);
    putInt(bytes, at + 12, zxidHigh(zxid));
    putInt(bytes, at + 16, zxidLow(zxid));
    putInt(bytes, at + 20, zxidHigh(timeMs));
    putInt(bytes, at + 24, zxidLow(timeMs));
    putInt(bytes, at + 28, this.#operations.txnType);
  }
}
