import * as assert from "uvu/assert";
import { type ClientStatus, connect, type ZooKeeperClient } from "../../../client/mod.ts";
import { Ledger } from "../ensemble/ledger.ts";
import { type Kind, Members } from "../ensemble/members.ts";
import type { PacketName } from "../wiretap.ts";

/** Transactions that a learner lacks, few enough for a leader to have them in memory. */
const MISSED = 100;
/** More than that. */
const MANY = 700;
/** How long a server may take to join whom others follow, on a machine with nothing else to do. */
const SOON_MS = 2_000;

/**
 * Three members, two of one kind and one of the other: the third leads first, then the second, then
 * the third again. Each step tells what it needs to be so; steps go in the order of the methods.
 */
export class Mixed {
  readonly members: Members;
  /** Creates znodes at whoever is there. */
  readonly ledger: Ledger;

  private constructor(members: Members, ledger: Ledger) {
    this.members = members;
    this.ledger = ledger;
  }

  /** The third is elected by the first, and has written more than it keeps in memory. */
  static async begin(pair: Kind, lone: Kind): Promise<Mixed> {
    // Sessions may outlive a member's absence, however slow the machine is.
    const settings = ["maxSessionTimeout=60000"];
    const plans = [pair, pair, lone].map((kind) => ({ kind, settings }));
    const members = await Members.plan(plans, { isTapped: true });
    try {
      members.start(3);
      members.start(1);
      assert.is(await members.serving([1, 3]), 3);
      const ledger = await Ledger.open(members.address(3), "/begun");
      await ledger.write(MANY);
      await ledger.close();
      return new Mixed(members, await Ledger.open(members.address(), "/written"));
    } catch (error) {
      await members.discard();
      throw error;
    }
  }

  /** A new member gets the leader's tree. */
  async joins(id: number, leader: number): Promise<void> {
    this.members.start(id);
    await this.#isSynchronised(id, leader, "snap");
  }

  /** A member is killed, comes back, and gets what it has missed. */
  async isAway(id: number, leader: number, missed: number = MISSED): Promise<void> {
    const { members, ledger } = this;
    await members.signal(id, "SIGKILL");
    await ledger.write(missed);
    const before = members.tap.packets.length;
    members.start(id);
    await this.#isSynchronised(id, leader, "diff");
    const history = members.tap.packets
      .slice(before)
      .filter(({ type, from, to }) => type === "proposal" && from === leader && to === id);
    assert.ok(history.length >= missed, `${history.length} proposals`);
  }

  /** A member is killed, comes back on an empty disk, and gets the leader's tree. */
  async losesItsFiles(id: number, leader: number): Promise<void> {
    await this.members.signal(id, "SIGKILL");
    this.members.wipe(id);
    await this.joins(id, leader);
  }

  /** A member that has missed something is killed in front of this packet of its leader's. */
  async diesBefore(packet: PacketName, id: number, leader: number): Promise<void> {
    const { members, ledger } = this;
    await members.signal(id, "SIGKILL");
    await ledger.write(MISSED);
    members.tap.stallAt(leader, id, packet);
    const held = members.tap.next(({ type, to }) => type === packet && to === id);
    members.start(id);
    await held;
    await members.signal(id, "SIGKILL");
    members.tap.heal();
    members.start(id);
    assert.is(await members.serving(), leader);
  }

  /** A leader dies with a transaction that nobody else has; `next` takes it away again. */
  async losesItsLast(leader: number, next: number): Promise<void> {
    const { members } = this;
    const others = members.ids.filter((id) => id !== leader);
    const path = `/alone-${leader}`;
    const client = await connect({ servers: members.address(leader) });
    // Of two that have the same, the one with the higher id leads next.
    await members.level();
    for (const id of others) members.tap.stall(leader, id);
    const refused = client.create(path, "").then(
      () => assert.unreachable("acknowledged without a quorum"),
      () => undefined,
    );
    await members.until(`${path} in the log of ${leader}`, async () => {
      return members.hasOnDisk(leader, path) ? true : undefined;
    });
    await members.signal(leader, "SIGKILL");
    for (const id of others) members.tap.cut(leader, id);
    await client.close();
    await refused;
    assert.is(await members.serving(others), next);
    members.tap.heal();
    members.start(leader);
    await this.#isSynchronised(leader, next, "trunc");
    await using reader = await connect({ servers: members.address(leader) });
    assert.is(await reader.exists(path), null);
  }

  /** A leader dies with a transaction that `next` has too, unacknowledged: it stays. */
  async handsDownItsLast(leader: number, next: number): Promise<void> {
    const { members } = this;
    const [third = 0] = members.ids.filter((id) => id !== leader && id !== next);
    const path = `/handed-down-${leader}`;
    const client = await connect({ servers: members.address(leader) });
    members.tap.stall(leader, third);
    members.tap.stall(next, leader);
    const outcome = client.create(path, "").then(
      () => "acknowledged",
      () => "open",
    );
    await members.until(`${path} in the log of ${next}`, async () => {
      return members.hasOnDisk(next, path) ? true : undefined;
    });
    await members.signal(leader, "SIGKILL");
    members.tap.cut(leader, third);
    await client.close();
    assert.is(await outcome, "open");
    assert.is(await members.serving([next, third]), next);
    members.tap.heal();
    members.start(leader);
    assert.is(await members.serving(), next);
    for (const id of members.ids) {
      await using reader = await connect({ servers: members.address(id) });
      await reader.sync(path);
      assert.ok(await reader.exists(path), `${path} at ${id}`);
    }
  }

  /** A follower is stopped until its leader gives it up; its clients hear that when it goes on. */
  async isStopped(id: number, leader: number): Promise<void> {
    const { members } = this;
    const others = members.ids.filter((other) => other !== id);
    const servers = others.map((other) => members.address(other)).join(",");
    await using ledger = await Ledger.open(servers, `/while-${id}-is-stopped`);
    await using client = await connect({ servers: members.address(id), timeoutMs: 40_000 });
    const { id: session } = client.session;
    await members.signal(id, "SIGSTOP");
    await members.until(`a leader that has given up ${id}`, async () => {
      const figures = await members.ask(leader, "mntr");
      return /^zk_synced_followers\s+1\b/m.test(figures) ? true : undefined;
    });
    await ledger.write(MISSED);
    const isSuspended = reaches(client, "suspended");
    await members.signal(id, "SIGCONT");
    await isSuspended;
    await this.#isSynchronised(id, leader, "diff");
    await reaches(client, "connected");
    assert.is(client.session.id, session);
    await ledger.check(members.address(id));
  }

  /** A follower comes back to a leader that others follow; at best it serves within two seconds. */
  async isBackSoon(id: number): Promise<void> {
    const { members } = this;
    let bestMs = Number.POSITIVE_INFINITY;
    for (let attempt = 1; attempt <= 6 && bestMs > SOON_MS; attempt++) {
      await members.signal(id, "SIGKILL");
      members.start(id);
      await members.until(
        `${id} to answer`,
        async () => (await members.ask(id, "ruok")) || undefined,
      );
      const startedMs = performance.now();
      await members.until(`${id} to serve`, () => members.mode(id));
      bestMs = Math.min(bestMs, performance.now() - startedMs);
    }
    assert.ok(bestMs <= SOON_MS, `${bestMs} ms`);
  }

  /** All have the same tree, whatever is acknowledged is in it, and no digest was a surprise. */
  async agrees(): Promise<void> {
    const { members, ledger } = this;
    await ledger.write(150); // Digests are noted every 128 transactions.
    await members.equal();
    for (const id of members.ids) await ledger.check(members.address(id));
  }

  async end(): Promise<void> {
    await this.ledger.close();
    await this.members.discard();
  }

  /** As captured between the two. */
  async #isSynchronised(id: number, leader: number, how: PacketName): Promise<void> {
    assert.is(await this.members.serving(), leader);
    const { type, from } = this.members.tap.lastSync(id) ?? {};
    assert.equal([type, from], [how, leader]);
  }
}

/** Resolves when the client's state is this. */
function reaches(client: ZooKeeperClient, status: ClientStatus): Promise<void> {
  return new Promise((resolve) => {
    const subscription = client.state$.subscribe((state) => {
      if (state.status !== status) return;
      resolve();
      queueMicrotask(() => subscription.unsubscribe());
    });
  });
}
