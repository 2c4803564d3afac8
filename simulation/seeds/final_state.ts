import type { Committed, NodeState } from "../checkers/committed.ts";
import type { World } from "../world.ts";

/** What servers have of their own, which no client's transaction made. */
const SYSTEM = "/zookeeper";

/**
 * Reads all that a server holds, and compares it with what was committed.
 *
 * @returns one line for each difference.
 */
export async function compareTree(
  world: World,
  serverId: number,
  committed: Committed,
): Promise<string[]> {
  const zk = await world.connect({ servers: [serverId] });
  await zk.sync("/");
  const found = new Map<string, NodeState>();
  const visit = async (path: string): Promise<void> => {
    const { children, stat } = await zk.getChildren(path);
    if (path !== "/") {
      const { data } = await zk.getData(path);
      const { version, czxid, mzxid, ephemeralOwner: owner } = stat;
      const text = new TextDecoder().decode(data ?? undefined);
      found.set(path, { data: text, version, czxid, mzxid, owner });
    }
    const names = [...children].sort();
    const paths = names.map((name) => (path === "/" ? `/${name}` : `${path}/${name}`));
    await Promise.all(paths.filter((child) => child !== SYSTEM).map(visit));
  };
  await visit("/");
  await zk.close();
  const differences: string[] = [];
  const expected = new Map([...committed.final()].filter(([path]) => !path.startsWith(SYSTEM)));
  for (const [path, state] of expected) {
    const other = found.get(path);
    if (other === undefined) differences.push(`server ${serverId} has no ${path}`);
    else if (textOf(other) !== textOf(state)) {
      differences.push(`server ${serverId} has ${path} ${textOf(other)}, not ${textOf(state)}`);
    }
    if (state.owner !== 0n && !committed.isOpen(state.owner)) {
      differences.push(`the ephemeral ${path} has outlived its session`);
    }
  }
  for (const path of found.keys()) {
    if (!expected.has(path)) differences.push(`server ${serverId} has ${path}, which was not made`);
  }
  return differences;
}

function textOf({ data, version, czxid, mzxid, owner }: NodeState): string {
  return `${data} version ${version} (${czxid}, ${mzxid}, ${owner})`;
}
