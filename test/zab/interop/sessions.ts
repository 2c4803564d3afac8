import * as assert from "uvu/assert";
import { connect, type ZooKeeperClient } from "../../../client/mod.ts";
import { tcpDialer } from "../../../client/transports/tcp.ts";
import type { Connection, Dialer } from "../../../core/contracts/transport.ts";
import type { Members } from "../ensemble/members.ts";

/** A client whose connection is at the member that it is told. */
class Traveller implements Dialer {
  readonly #members: Members;
  #at: number;
  #connection: Connection | undefined;
  #dialled = (): void => {};

  constructor(members: Members, at: number) {
    this.#members = members;
    this.#at = at;
  }

  async dial(...args: Parameters<Dialer["dial"]>): Promise<Connection> {
    const [host = "", port] = this.#members.address(this.#at).split(":");
    this.#connection = await tcpDialer(host, Number(port)).dial(...args);
    this.#dialled();
    return this.#connection;
  }

  /** Resolves when the client has noticed, and is connected there. */
  async move(to: number): Promise<void> {
    this.#at = to;
    const dialled = new Promise<void>((resolve) => {
      this.#dialled = resolve;
    });
    this.#connection?.destroy();
    await dialled;
  }
}

/**
 * A session begins at one member, goes on at one of the other kind, and comes back; each time it
 * makes an ephemeral znode and sees the former ones. All go with it.
 */
export async function moveSession(members: Members, route: readonly number[]): Promise<void> {
  const traveller = new Traveller(members, route[0] as number);
  await using client = await connect({ servers: [traveller], timeoutMs: 10_000 });
  const { id } = client.session;
  const paths: string[] = [];
  for (const [i, at] of route.entries()) {
    if (i > 0) await traveller.move(at);
    const path = `/moved-${id.toString(16)}-${i}`;
    await client.create(path, `${at}`, { mode: "ephemeral" });
    paths.push(path);
    for (const each of paths) assert.is(await ownerOf(client, each), id, `${each} at ${at}`);
  }
  assert.is(client.session.id, id);
  await client.close();
  for (const at of members.ids) {
    await using reader = await connect({ servers: members.address(at) });
    await reader.sync("/");
    for (const path of paths) assert.is(await reader.exists(path), null, `${path} at ${at}`);
  }
}

/**
 * Whoever held a session that has gone elsewhere can't write in its name any more: the write is
 * refused and the connection ended without an answer, by both kinds. Done again when the former
 * client lost its connection meanwhile, as when its server looks for a leader: it then comes back
 * by itself, and has the session again.
 */
export async function stealSession(members: Members, from: number, to: number): Promise<void> {
  for (let attempt = 1; attempt < ATTEMPTS_MAX; attempt++) {
    const { refusal, isKept } = await refusalOfFormer(members, from, to);
    if (refusal === "none" && !isKept) continue;
    assert.is(refusal, "ConnectionLoss");
    return;
  }
  assert.unreachable("the former client never kept its connection");
}

async function refusalOfFormer(
  members: Members,
  from: number,
  to: number,
): Promise<{ refusal: string; isKept: boolean }> {
  await using former = await connect({ servers: members.address(from), timeoutMs: 10_000 });
  let losses = 0;
  const watching = former.state$.subscribe(({ status }) => {
    if (status !== "connected") losses += 1;
  });
  const path = `/stolen-${former.session.id.toString(16)}`;
  const session = former.session;
  // Both use the same xid: a server that lags must not take the other's create for the answer to
  // the delete.
  await using next = await connect({ servers: members.address(to), session, timeoutMs: 10_000 });
  await next.create(path, "", { mode: "ephemeral" });
  const refusal = await former.delete(path).then(
    () => "none",
    (error: { readonly kind?: string }) => error.kind ?? `${error}`,
  );
  watching.unsubscribe();
  // The former one has come back meanwhile, or does so now, and has the session again.
  if (refusal !== "none") assert.is(await ownerOf(former, path), session.id);
  return { refusal, isKept: losses === 0 };
}

const ATTEMPTS_MAX = 5;

async function ownerOf(client: ZooKeeperClient, path: string): Promise<bigint | undefined> {
  return (await client.exists(path))?.ephemeralOwner;
}
