import type { ErrorName } from "../errors/zk_error.ts";
import { STAT } from "../tree/digest.ts";
import type { JuteWriter } from "../wire/jute.ts";
import { PERMS } from "../wire/opcodes.ts";
import type { Overlay } from "./overlay.ts";
import type { Permissions } from "./permissions.ts";
import type { WriteContext } from "./prepare_write.ts";

/**
 * Writes the body of the transaction for members that consensus has agreed to, which is a setData
 * of `/zookeeper/config`. Its data version stays -1 (CP 3.2).
 *
 * @returns undefined when it holds, else why not; the overlay is unchanged then.
 */
export function prepareReconfig(
  membership: string,
  out: JuteWriter,
  {
    overlay,
    permissions,
    context,
  }: {
    readonly overlay: Overlay;
    readonly permissions: Permissions;
    readonly context: WriteContext;
  },
): ErrorName | undefined {
  const node = overlay.look(CONFIG_PATH, 0, CONFIG_PATH.length);
  if (!permissions.allows(node.acls, PERMS.write, context.ids)) return "NoAuth";
  const data = ENCODER.encode(membership);
  out.buffer(CONFIG_PATH);
  out.buffer(data);
  out.int(-1);
  overlay.change(node, context.zxid);
  node.dataLength = data.length;
  node.setLong(STAT.mzxid, context.zxid);
  node.setLong(STAT.mtime, context.timeMs);
  node.version = -1;
  overlay.commit(node);
  return undefined;
}

const ENCODER = new TextEncoder();
const CONFIG_PATH = ENCODER.encode("/zookeeper/config");
