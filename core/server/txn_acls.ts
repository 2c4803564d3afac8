import type { JuteWriter } from "../wire/jute.ts";
import { type Acl, OPEN_ACL, writeAcls } from "../wire/records.ts";

/** What is left when Apache's servers take no transaction beyond twice `jute.maxbuffer`, bytes. */
const ACL_BYTES_MAX = 960 * 1024;

/** Counts the access control lists of one transaction. */
export interface AclCount {
  /** Bytes of them so far, without those that let anybody do anything. */
  aclBytes: number;
}

/**
 * Appends a list to a transaction. Each `auth` stands for all identities of the client, so a multi
 * could make a transaction a thousand times as large as itself.
 *
 * @returns false when it has too many bytes of lists by now.
 */
export function writeTxnAcls(out: JuteWriter, acls: readonly Acl[], count: AclCount): boolean {
  const at = out.length;
  writeAcls(out, acls);
  if (acls !== OPEN_ACL) count.aclBytes += out.length - at;
  return count.aclBytes <= ACL_BYTES_MAX;
}
