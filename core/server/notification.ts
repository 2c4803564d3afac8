import { JuteWriter } from "../wire/jute.ts";
import { XIDS } from "../wire/opcodes.ts";
import type { Zxid } from "../wire/zxid.ts";

/** `SyncConnected`: the only state a server sends. */
const STATE_CONNECTED = 3;

/**
 * The frame of a watch event, length included; the same for every watcher.
 *
 * @param zxid transaction that caused it, or -1 for an event that setWatches makes up.
 */
export function notificationFrame(zxid: Zxid, type: number, path: string): Uint8Array {
  const writer = new JuteWriter(40 + path.length * 3);
  writer.int(0);
  writer.int(XIDS.notification);
  writer.long(zxid);
  writer.int(0);
  writer.int(type);
  writer.int(STATE_CONNECTED);
  writer.string(path);
  writer.intAt(0, writer.length - 4);
  return writer.view();
}
