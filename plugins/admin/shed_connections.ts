import type { AdminCommand } from "../../core/contracts/admin.ts";
import type { ServerInspection } from "../../core/contracts/inspection.ts";
import type { Logger } from "../../core/contracts/logger.ts";
import { readMember } from "./read_member.ts";

/**
 * `POST /commands/shed_connections`, body `{"percentage": 20}`: closes so many of this server's
 * client connections, so that their clients spread over the other servers. Names and keys are those
 * of Apache's coming version (CP 11).
 */
export function shedConnectionsCommand(server: ServerInspection, logger: Logger): AdminCommand {
  return {
    names: ["shed_connections", "shed"],
    method: "POST",
    needsServing: true,
    needsAuthority: true,
    run: async ({ body }) => {
      const percentage = await readMember(body, "percentage");
      if (!isPercentage(percentage)) return { status: 400, error: REFUSAL };
      const count = server.shedConnections(percentage);
      logger.warn("connections were closed by an admin command", { percentage, count });
      return { fields: { connections_shed: count, percentage_requested: percentage } };
    },
  };
}

const REFUSAL = 'the body must be {"percentage": <a whole number from 0 to 100>}';

function isPercentage(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 100;
}
