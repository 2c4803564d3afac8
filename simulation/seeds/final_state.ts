import type { Zxid } from "../../core/wire/zxid.ts";
import type { Committed } from "../checkers/committed.ts";
import type { History } from "../checkers/history.ts";
import type { World } from "../world.ts";
import { Visitor } from "./visitor.ts";

/** What servers have of their own, which no client's transaction made. */
const SYSTEM = "zookeeper";

/**
 * Reads all that a server holds into the history, where the checks see it.
 *
 * @returns the transaction that made the members which it shows.
 */
export async function readEverything(
  world: World,
  serverId: number,
  history: History,
): Promise<Zxid> {
  const machine = world.addMachine(`reader${serverId}`);
  const reader = new Visitor(world, machine, { history, timeoutMs: 4_000, servers: [serverId] });
  await reader.connected();
  await reader.perform({ kind: "sync", path: "/" });
  const config = await reader.perform({ kind: "config" });
  const visit = async (path: string): Promise<void> => {
    const outcome = await reader.perform({ kind: "children", path });
    if (outcome.kind !== "children") return;
    const names = outcome.children.filter((name) => path !== "/" || name !== SYSTEM).sort();
    const children = names.map((name) => (path === "/" ? `/${name}` : `${path}/${name}`));
    await Promise.all(
      children.flatMap((child) => [reader.perform({ kind: "get", path: child }), visit(child)]),
    );
  };
  await visit("/");
  await reader.close();
  return config.kind === "members" ? config.version : 0;
}

/** Sessions that are open though their clients are gone; all of them, if they do not expire. */
export function orphansOf(committed: Committed, living: ReadonlySet<bigint>): bigint[] {
  return [...committed.openSessions()].filter((session) => !living.has(session));
}
