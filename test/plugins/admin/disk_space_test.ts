import { test } from "uvu";
import * as assert from "uvu/assert";
import { DiskSpaceWatch } from "../../../plugins/admin/mod.ts";
import { PlainMetrics } from "../../../plugins/metrics/mod.ts";
import { ConsoleLogger } from "../../../plugins/system/mod.ts";
import { ManualClock, settle } from "../../core/manual_clock.ts";

function figure(metrics: PlainMetrics): number | undefined {
  const found = metrics.read().find(({ name }) => name === "data_dir_free_bytes");
  return found?.kind === "gauge" ? found.value : undefined;
}

test("DiskSpaceWatch warns every minute of too little space, and shows what there is", async () => {
  const lines: string[] = [];
  const logger = new ConsoleLogger("info", (line) => lines.push(line));
  const [clock, metrics] = [new ManualClock(), new PlainMetrics()];
  let free = 2_000;
  const options = { folder: "/data", freeBytesMin: 1_000, measure: async () => free };
  const watch = new DiskSpaceWatch(clock, logger, metrics, options);
  await watch.start();
  assert.equal([lines.length, figure(metrics)], [0, 2_000]);
  for (free of [999, 0, 1_000]) {
    clock.advance(60_000);
    await settle();
    assert.is(figure(metrics), free);
  }
  assert.is(lines.length, 2);
  assert.match(lines[0] ?? "", /little space is left.*"folder":"\/data","freeBytes":999/);
  await watch.stop();
});

test("DiskSpaceWatch asks the system, and takes no answer for no reason to stop", async () => {
  const logger = new ConsoleLogger("silent");
  for (const [folder, isThere] of [
    [".", true],
    ["/no/such/folder", false],
  ] as const) {
    const metrics = new PlainMetrics();
    const watch = new DiskSpaceWatch(new ManualClock(), logger, metrics, { folder });
    await watch.start();
    assert.is((figure(metrics) ?? 0) > 0, isThere, folder);
    await watch.stop();
  }
});

test.run();
