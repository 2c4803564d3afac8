import fc from "fast-check";
import { data, tupled, USEFUL_ACLS, weighted } from "./names.ts";
import {
  endingOp,
  identityOp,
  lifeOfAWatch,
  ordinaryOp,
  quotaNodes,
  quotaOp,
  writeOp,
} from "./operations.ts";
import type { CreateOp, Identity, Op, PathText, Program, Step } from "./program.ts";

/**
 * Random programs whose answers are the same in every run of one server. What would not be is
 * left out on purpose:
 *
 * - `auth` and `sasl` stand first in their batch: Apache answers them at once, ahead of
 *   requests in progress (reference section 3.3).
 * - What makes a server close the connection stands alone: whether frames behind it are still
 *   read is a race.
 * - Programs with quotas send one request at a time: Apache checks quotas against what has been
 *   applied, so pipelined writes may overshoot (section 14).
 * - Sessions that send at the same time keep to roots of their own.
 * - Behind a setACL a batch only reads, see `predictable`.
 * - A session uses one kind of watch: in 3.8.0 a later mode replaces the former (section 5.2).
 *   Session 2 sets persistent watches, 3 recursive ones, the others one-shot ones.
 */
export function programs(identity: fc.Arbitrary<Identity> = ANYBODY): fc.Arbitrary<Program> {
  const ordinary = fc.oneof(...SESSIONS.map(pipelinedStep));
  const withQuotas = fc.oneof(...SESSIONS.map(quotaStep));
  const pipelined = steps([firstStep()], ordinary, { minLength: 10, maxLength: 30 });
  const limited = steps([firstStep(), batch(0, quotaNodes())], withQuotas, {
    minLength: 15,
    maxLength: 40,
  });
  const sessions = {
    identities: fc.tuple(...SESSIONS.map(() => identity)),
    addresses: fc.constantFrom([], FROM_ELSEWHERE),
  };
  const inTurn: fc.Arbitrary<Program> = fc.record({
    ...sessions,
    steps: fc.oneof({ weight: 6, arbitrary: pipelined }, { weight: 1, arbitrary: limited }),
  });
  const together = fc.array(togetherStep(), { minLength: 3, maxLength: 10, size: "max" });
  const atOnce: fc.Arbitrary<Program> = fc.record({
    ...sessions,
    apart: fc.constant(true),
    steps: together,
  });
  const program = fc.oneof({ weight: 5, arbitrary: inTurn }, { weight: 1, arbitrary: atOnce });
  const withOddXids = program.map((each): Program => ({ ...each, xids: ODD_XIDS }));
  return fc.oneof({ weight: 4, arbitrary: program }, { weight: 1, arbitrary: withOddXids });
}

const ANYBODY = weighted<Identity>([3, null], [3, "alice:a"], [2, "bob:b"], [1, "super:secret"]);
/** None in the same write as the handshake: Apache's server for TLS may answer that at first. */
const LOGGED_IN = weighted<Identity>(
  [2, null],
  [2, "digest:alice:a"],
  [4, "sasl:ann:secret"],
  [1, "sasl:eve:other"],
  [4, "x509"],
);

/**
 * For servers that know SASL, where a token out of turn ends the connection. Apache's server for
 * TLS does not end one over a frame of no bytes.
 */
export function programsOfLogins(): fc.Arbitrary<Program> {
  const isSame = (op: Op): boolean => op.op !== "sasl" && (op.op !== "raw" || op.bytes !== EMPTY);
  const others = (ops: readonly Op[]): Op[] => ops.filter(isSame);
  return programs(LOGGED_IN).map((program) => ({
    ...program,
    steps: program.steps.map((step) =>
      step.kind === "batch" ? { ...step, ops: others(step.ops) } : step,
    ),
  }));
}

const EMPTY = "00000000";

const SESSIONS = [0, 1, 2, 3, 4] as const;
/** The last two sessions are not those whom the list `loopback` means. */
const FROM_ELSEWHERE = ["127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.2"];
/** Any but -1, which is that of events. */
const ODD_XIDS = [7, 7, 7, 0, -3, -2, -4, -8, 2 ** 31 - 1, -(2 ** 31), 7, 1];
type Lengths = { readonly minLength: number; readonly maxLength: number };

function steps(
  first: readonly fc.Arbitrary<Step>[],
  then: fc.Arbitrary<Step>,
  lengths: Lengths,
): fc.Arbitrary<Step[]> {
  const rest = fc.array(then, { ...lengths, size: "max" });
  return fc.tuple(fc.tuple(...first), rest).map(([opening, others]) => [...opening, ...others]);
}

/** Makes some of the nodes that the other steps then work on. */
function firstStep(): fc.Arbitrary<Step> {
  const useful = fc.constantFrom(...USEFUL_ACLS);
  const node = (at: string): fc.Arbitrary<CreateOp | null> => {
    const [op, path] = [fc.constant("create" as const), fc.constant(at)];
    const acl = fc.oneof({ weight: 2, arbitrary: fc.constant("open") }, useful);
    const flags = weighted([6, 0], [1, 1]);
    return fc.option(fc.record({ op, path, data: data(), acl, flags }), { freq: 3 });
  };
  const nodes = fc.tuple(...["@/a", "@/b", "@/a/x", "@/b/x", "@/a/x/k"].map(node));
  const ops = nodes.map((made) => made.filter((each) => each !== null));
  return fc.record({ kind: fc.constant("batch" as const), session: fc.nat({ max: 4 }), ops });
}

function pipelinedStep(session: number): fc.Arbitrary<Step> {
  const op = ordinaryOp(session);
  const opening = fc.oneof({ weight: 12, arbitrary: fc.constant([]) }, tupled(identityOp()));
  const many = fc.array(op, { minLength: 1, maxLength: 40, size: "max" });
  const ops = fc.tuple(opening, many).map(([first, rest]) => [...first, ...rest]);
  return fc.oneof(
    { weight: 30, arbitrary: batch(session, ops) },
    { weight: 4, arbitrary: batch(session, lifeOfAWatch(session)) },
    { weight: 3, arbitrary: batch(session, tupled(endingOp())) },
    { weight: 2, arbitrary: fc.constant<Step>({ kind: "drop", session }) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: "steal", session }) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: "expire", session }) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: "vanish", session }) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: "wrongPassword", session }) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: "zxidAhead", session }) },
  );
}

function togetherStep(): fc.Arbitrary<Step> {
  const batches = SESSIONS.map((session) => {
    const own = ordinaryOp(session).filter(staysBelowRoot);
    return fc.array(own, { maxLength: 40, size: "max" }).map(predictable);
  });
  return fc.record({ kind: fc.constant("together" as const), batches: fc.tuple(...batches) });
}

/** Whether `op` neither looks at nor changes what is not below its session's own root. */
function staysBelowRoot(op: Op): boolean {
  if (op.op === "garbled") return false; // Its path may become the root's.
  if ("ops" in op) return op.ops.every(staysBelowRoot);
  if ("lists" in op) return op.lists.every((list) => list?.every(isBelowRoot) ?? true);
  return "path" in op ? isBelowRoot(op.path) : true;
}

function isBelowRoot(path: PathText): boolean {
  return path === null || path.startsWith("@/");
}

function quotaStep(session: number): fc.Arbitrary<Step> {
  const op = fc.oneof(
    { weight: 5, arbitrary: quotaOp() },
    { weight: 12, arbitrary: writeOp() },
    { weight: 3, arbitrary: ordinaryOp(session) },
  );
  return batch(session, tupled(op));
}

function batch(session: number, ops: fc.Arbitrary<readonly Op[]>): fc.Arbitrary<Step> {
  return ops.map((each) => ({ kind: "batch", session, ops: predictable(each) }));
}

/**
 * Leaves out requests whose answer would be a race on Apache 3.8.0: until a setACL is applied,
 * later writes in flight are checked against the node's former list.
 */
function predictable(ops: readonly Op[]): readonly Op[] {
  const plain = ops.map((op) => (op.op === "garbled" ? op.of.op : op.op));
  const first = plain.indexOf("setACL");
  if (first === -1) return ops;
  return ops.filter((_, index) => index <= first || !isWrite(plain[index]!));
}

function isWrite(op: Op["op"]): boolean {
  return /^(create|delete$|set(ACL|Data)$|multi$)/.test(op);
}
