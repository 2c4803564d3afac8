import type { Command } from "commander";
import { manual } from "./config/manual.ts";

/** `zookit keys`: prints the manual of the configuration, which is docs/configuration.md. */
export function addKeysCommand(program: Command): void {
  program
    .command("keys")
    .description("print every configuration key, as Markdown")
    .action(() => {
      process.stdout.write(manual());
    });
}
