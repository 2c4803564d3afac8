import { existsSync } from "node:fs";

/** Says loudly that a test needs Debian's package, instead of passing without having run. */
export function requireApache(): void {
  if (existsSync("/usr/share/java/zookeeper.jar")) return;
  throw new Error("Apache ZooKeeper is not installed: apt-get install zookeeper");
}
