/** What tests of changing members share. */
import * as assert from "uvu/assert";
import { connect, type ReconfigSettings, type ZooKeeperClient } from "../../../client/mod.ts";
import { patiently } from "./ledger.ts";
import type { Kind, Members, Plan } from "./members.ts";

/** The superuser, who alone may change members, and how servers know him. */
export const SUPER = "super:secret";
const SETTINGS = [
  "reconfigEnabled=true",
  "DigestAuthenticationProvider.superDigest=super:lK75jTNcA+U9vtVEw5vB51mj/w4=",
];

/** A member that allows its ensemble to be changed, with more lines of its zoo.cfg. */
export function founder(kind: Kind, settings: readonly string[] = []): Plan {
  return { kind, settings: [...SETTINGS, ...settings] };
}

/** One that is no member at first. */
export function joiner(kind: Kind, settings: readonly string[] = []): Plan {
  return { ...founder(kind, settings), joins: true };
}

/** The line of a member, as clients name it. */
export function lineOf(members: Members, id: number, role = "participant"): string {
  const { client, quorum, election } = members.ports(id);
  return `server.${id}=127.0.0.1:${quorum}:${election}:${role};127.0.0.1:${client}`;
}

/** A client of some members that may change them. */
export async function superuser(members: Members, ...ids: number[]): Promise<ZooKeeperClient> {
  const servers = ids.map((id) => members.address(id)).join(",");
  const client = await connect({ servers, timeoutMs: 10_000 });
  await client.addAuth("digest", SUPER);
  return client;
}

/** Resolves once each of these members shows these as voters and observers, both by id. */
export async function knownAs(
  members: Members,
  ids: readonly number[],
  expected: { readonly voters: readonly number[]; readonly observers?: readonly number[] },
): Promise<void> {
  const { voters, observers = [] } = expected;
  const wanted = JSON.stringify([voters, observers]);
  for (const id of ids) {
    await using client = await connect({ servers: members.address(id), timeoutMs: 10_000 });
    await members.until(`${wanted} at ${id}`, async () => {
      // Who gets another role lets its clients go.
      const { members: lines } = await patiently(() => client.getConfig());
      const idsOf = (role: string): number[] =>
        lines.filter((line) => line.includes(`:${role}`)).map((line) => Number(/\d+/.exec(line)));
      const found = JSON.stringify([idsOf("participant"), idsOf("observer")]);
      return found === wanted ? true : undefined;
    });
  }
}

/** A new leader may take over before the client is answered; whoever asks again finds it done. */
export async function change(
  members: Members,
  client: ZooKeeperClient,
  settings: ReconfigSettings,
): Promise<void> {
  await members.until("members changed", () =>
    client.reconfig(settings).then(
      () => true,
      (error: { kind?: string }) => {
        assert.ok(["ConnectionLoss", "ReconfigInProgress"].includes(error.kind ?? ""), `${error}`);
        return undefined;
      },
    ),
  );
}
