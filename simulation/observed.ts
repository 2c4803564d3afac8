import { CONSENSUS, type Consensus, type Replica } from "../core/contracts/consensus.ts";
import type { Plugin } from "../core/kernel/plugin.ts";
import type { Zxid } from "../core/wire/zxid.ts";
import type { Ledger } from "./ledger.ts";
import type { Machine } from "./machine.ts";
import { replaced } from "./replaced.ts";

/** A replica that tells the ledger what consensus does with it. */
function observedReplica(replica: Replica, { machine, ledger, server }: Observed): Replica {
  const { life } = machine;
  const isAlive = (): boolean => machine.isAlive && machine.life === life;
  return {
    get lastApplied(): Zxid {
      return replica.lastApplied;
    },
    get snapshotBytes(): number {
      return replica.snapshotBytes;
    },
    get sessions() {
      return replica.sessions;
    },
    lead: () => {
      const preparer = replica.lead();
      return {
        prepare: (request, stamp, out, refusal) => {
          if (isAlive()) ledger.proposed(server, stamp.zxid);
          preparer.prepare(request, stamp, out, refusal);
        },
        prepareReconfig: (request, stamp, out, membership) => {
          if (isAlive()) ledger.proposed(server, stamp.zxid);
          return preparer.prepareReconfig(request, stamp, out, membership);
        },
      };
    },
    unlead: () => replica.unlead(),
    deliver: (bytes, start, end) => {
      if (isAlive()) ledger.delivered(server, bytes, start, end);
      replica.deliver(bytes, start, end);
    },
    configure: (membership, version) => replica.configure(membership, version),
    flush: () => replica.flush(),
    replace: async (snapshot) => {
      await replica.replace(snapshot);
      if (isAlive()) ledger.replaced(server, snapshot.zxid);
    },
    changes: (whole) => replica.changes(whole),
    statusChanged: (status) => {
      if (isAlive()) {
        const isServing = status.serving === "read-write";
        ledger.serves(server, isServing);
        if (isServing && status.role !== "follower" && status.role !== "observer") {
          ledger.leads(server, status.epoch);
        }
        const { role, serving, epoch } = status;
        machine.scheduler.note(`${machine.name} is ${role}, serves ${serving}, epoch ${epoch}`);
      }
      replica.statusChanged(status);
    },
    failed: (error) => replica.failed(error),
  };
}

/** Whom to observe, and who is told. */
export interface Observed {
  readonly machine: Machine;
  readonly ledger: Ledger;
  readonly server: number;
}

/** The same consensus plugin, seen by a ledger. */
export function observed(plugin: Plugin, target: Observed): Plugin {
  return replaced(plugin, CONSENSUS, (consensus: Consensus) => ({
    get status() {
      return consensus.status;
    },
    get tracker() {
      return consensus.tracker;
    },
    get membership() {
      return consensus.membership;
    },
    get ensemble() {
      return consensus.ensemble;
    },
    start: (replica) => consensus.start(observedReplica(replica, target)),
    stop: () => consensus.stop(),
    submit: (request) => consensus.submit(request),
    sync: (session, done) => consensus.sync(session, done),
    touch: (session, timeoutMs) => consensus.touch(session, timeoutMs),
    revalidate: (session, timeoutMs, done) => consensus.revalidate(session, timeoutMs, done),
  }));
}
