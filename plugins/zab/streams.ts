import type { Replica } from "../../core/contracts/consensus.ts";
import { partOfBatch } from "../../core/contracts/log_batch.ts";
import type { LogBatch, Storage } from "../../core/contracts/storage.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import type { Zxid } from "../../core/wire/zxid.ts";
import { contiguousRuns } from "./batches.ts";
import type { OutgoingStream } from "./net/quorum_link.ts";
import { PacketEncoder } from "./wire/packet_encoder.ts";
import { SnapshotWriter } from "./wire/snapshot_writer.ts";

/** The whole tree, beginning now; transactions may be applied meanwhile (PP 1.3). */
export function snapshotStream(replica: Replica): OutgoingStream {
  const source = replica.changes(true);
  const writer = new SnapshotWriter(source);
  return { next: () => writer.next(), close: () => source.close() };
}

/** PROPOSAL and COMMIT for every stored transaction above `after`, up to `through`. */
export function logStream(storage: Storage, after: Zxid, through: Zxid): OutgoingStream {
  const batches = storage.read(after)[Symbol.asyncIterator]();
  const encoder = new PacketEncoder();
  const close = (): void => void batches.return?.(undefined);
  return {
    next: async () => {
      const { value, done } = await batches.next();
      const part = done === true ? undefined : partOfBatch(value as LogBatch, after, through);
      if (part === undefined) {
        close();
        return undefined;
      }
      const writer = new JuteWriter(part.bytes.length * 2);
      for (const batch of contiguousRuns(part)) encoder.encode(writer, { kind: "history", batch });
      return writer.view();
    },
    close,
  };
}
