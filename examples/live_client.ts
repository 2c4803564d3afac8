/**
 * A client whose views of the tree follow the server: data, children and a whole subtree as
 * observables. They begin with the state of now, survive lost connections, and never go back.
 */
import assert from "node:assert/strict";
import { firstValueFrom } from "rxjs";
import { filter, map } from "rxjs/operators";
import { connect } from "../client/mod.ts";
import { createServer, essentials, memoryStorage, tcpTransport } from "../mod.ts";

await using server = createServer({
  plugins: [
    ...essentials({ logLevel: "warn" }),
    memoryStorage(),
    tcpTransport({ host: "127.0.0.1", port: 0 }),
  ],
});
await server.start();
const servers = `127.0.0.1:${server.port}`;
await using viewer = await connect({ servers });
await using editor = await connect({ servers });
const text = (data: Uint8Array | null): string => new TextDecoder().decode(data ?? undefined);

// The data of one znode; null as long as it is missing.
const title$ = viewer.data$("/board/title").pipe(map((result) => result && text(result.data)));
const titles: (string | null)[] = [];
const watchingTitle = title$.subscribe((title) => {
  titles.push(title);
  console.log(`title: ${title ?? "(none)"}`);
});

// Everything below a path: a snapshot first, then what happens.
const events: string[] = [];
const watchingTree = viewer.tree$("/board").subscribe((event) => {
  const what = event.type === "snapshot" ? `of ${event.nodes.length}` : event.path;
  events.push(`${event.type} ${what}`);
  console.log(`tree: ${event.type} ${what}`);
});
await firstValueFrom(title$);

const cardsAre = (...names: string[]): Promise<unknown> =>
  firstValueFrom(
    viewer
      .children$("/board/cards")
      .pipe(filter((now) => now?.children.toSorted().join() === names.join())),
  );

await editor.create("/board");
await editor.create("/board/title", "To do");
await firstValueFrom(title$.pipe(filter((title) => title === "To do")));
await editor.create("/board/cards");
await editor.create("/board/cards/write", "Write the example");
await editor.create("/board/cards/run", "Run it");
await cardsAre("run", "write");
await editor.delete("/board/cards/write");
await cardsAre("run");
await editor.setData("/board/title", "Done");
await firstValueFrom(title$.pipe(filter((title) => title === "Done")));

watchingTitle.unsubscribe();
watchingTree.unsubscribe();
assert.deepEqual(titles, [null, "To do", "Done"]);
assert.ok(events.includes("deleted /board/cards/write"), events.join("; "));
