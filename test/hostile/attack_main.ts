/** The attackers, in a process of their own: each message is an order, and answered by a report. */
import { setPriority } from "node:os";
import { createSecureContext } from "node:tls";
import { OPCODES } from "../../core/wire/opcodes.ts";
import type { AttackOrder, AttackReport } from "./attack_process.ts";
import { Attacker, type Outcomes } from "./attacker.ts";
import { randomFrom } from "./random.ts";
import { request } from "./raw_client.ts";

const ATTACKERS = 4;

// In earnest they are elsewhere: here they must not take the processors from whom they attack.
setPriority(5);

const LOGIN = request(-4, OPCODES.auth, (writer) => {
  writer.int(0);
  writer.string("digest");
  writer.buffer(new TextEncoder().encode("attacker:secret"));
});

async function attack({ target, logsIn, seed, frames }: AttackOrder): Promise<AttackReport> {
  const { port, tls } = target;
  // Made once: reading certificates costs more than a handshake.
  const secure = tls && { secureContext: createSecureContext(tls) };
  const aim = { target: { port, tls: secure }, login: logsIn ? [LOGIN] : [] };
  const outcomes: Outcomes = new Map();
  const attackers = Array.from(
    { length: ATTACKERS },
    (_, index) => new Attacker(aim, randomFrom(seed * 1000 + index), outcomes),
  );
  await Promise.all(attackers.map((attacker) => attacker.run(frames / ATTACKERS)));
  const sum = (count: (attacker: Attacker) => number): number =>
    attackers.reduce((total, attacker) => total + count(attacker), 0);
  return { outcomes, sent: sum(({ sent }) => sent), pastHeader: sum((one) => one.pastHeader) };
}

process.on("message", (order) => {
  attack(order as AttackOrder).then(
    (report) => process.send?.(report),
    (error) => process.send?.(String(error)),
  );
});
process.on("disconnect", () => process.exit(1));
process.send?.("ready");
