import { ZkError } from "../core/errors/zk_error.ts";

// Absolute, no empty part, no "." or "..", no NUL; the server checks the finer rules (CP 3.1).
const PATH = /^(?:\/|(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)+)$/;

/** @throws {ZkError} `BadArguments` for what cannot be the path of a znode. */
export function checkPath(path: string): void {
  if (!PATH.test(path)) throw new ZkError("BadArguments", path);
}

/** As {@link checkPath}; the name of a sequential znode may be its number alone (`/queue/`). */
export function checkCreatePath(path: string, isSequential: boolean): void {
  checkPath(isSequential && path.endsWith("/") ? `${path}0` : path);
}

/** The path as the server knows it. */
export function toServerPath(chroot: string, path: string): string {
  if (chroot === "") return path;
  return path === "/" ? chroot : chroot + path;
}

/** The path as the caller knows it; paths outside of the chroot stay as they are. */
export function fromServerPath(chroot: string, path: string): string {
  if (chroot === "" || !path.startsWith(chroot)) return path;
  if (path.length === chroot.length) return "/";
  return path[chroot.length] === "/" ? path.slice(chroot.length) : path;
}

/** The path of the znode above; "/" has none and gives itself. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}

/** The path of a child. */
export function childPath(parent: string, name: string): string {
  return parent === "/" ? `/${name}` : `${parent}/${name}`;
}
