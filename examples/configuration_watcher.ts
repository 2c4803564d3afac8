/**
 * Settings that live in one znode and reach every process that uses them when they are saved.
 * What does not parse is refused where it is read: the last good settings stay in force. Saving
 * names the version that was read, so that two editors cannot overwrite each other unseen.
 */
import assert from "node:assert/strict";
import { firstValueFrom, type Observable } from "rxjs";
import { distinctUntilChanged, filter, map } from "rxjs/operators";
import type { ZooKeeperClient } from "../client/mod.ts";
import { createServer, essentials, memoryStorage, ZkError } from "../mod.ts";

interface Settings {
  readonly workers: number;
}

function parse(data: Uint8Array | null): Settings | undefined {
  try {
    const { workers } = JSON.parse(new TextDecoder().decode(data ?? undefined));
    return Number.isInteger(workers) && workers > 0 ? { workers } : undefined;
  } catch {
    return undefined; // Whoever saves may be wrong; whoever reads goes on.
  }
}

/** The settings in force: now, and whenever they change to something that makes sense. */
function settings$(zk: ZooKeeperClient, path: string): Observable<Settings> {
  return zk.data$(path).pipe(
    map((result) => (result === null ? undefined : parse(result.data))),
    filter((settings) => settings !== undefined),
    distinctUntilChanged((a, b) => a.workers === b.workers),
  );
}

await using server = createServer({
  plugins: [...essentials({ logLevel: "warn" }), memoryStorage()],
});
await server.start();
await using application = await server.connect();
await using operator = await server.connect();
const path = "/settings";
const workersAre = (count: number): Promise<Settings> =>
  firstValueFrom(settings$(application, path).pipe(filter(({ workers }) => workers === count)));

const seen: number[] = [];
const watching = settings$(application, path).subscribe(({ workers }) => {
  seen.push(workers);
  console.log(`workers: ${workers}`);
});

await operator.create(path, JSON.stringify({ workers: 2 }));
await workersAre(2);
await operator.setData(path, "workers = many");
const { stat } = await operator.getData(path);
await operator.setData(path, JSON.stringify({ workers: 8 }), { version: stat.version });
await workersAre(8);

// An editor that read before that is told so, instead of undoing it.
const late = operator.setData(path, JSON.stringify({ workers: 1 }), { version: stat.version });
await assert.rejects(late, (error) => error instanceof ZkError && error.kind === "BadVersion");

watching.unsubscribe();
assert.deepEqual(seen, [2, 8]);
