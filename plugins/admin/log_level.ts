import type { AdminCommand, AdminReply } from "../../core/contracts/admin.ts";
import { LOG_LEVELS, type Logger, type LogThreshold } from "../../core/contracts/logger.ts";
import { readMember } from "./read_member.ts";

/**
 * Commands of ours that Apache does not have: `log_level` tells what is logged, and `set_log_level`
 * changes it until the server stops. The body is `{"level": "debug"}`.
 */
export function logLevelCommands(
  thresholds: readonly LogThreshold[],
  logger: Logger,
): AdminCommand[] {
  const level = (): string | null => thresholds[0]?.level ?? null;
  return [
    {
      names: ["log_level"],
      method: "GET",
      needsServing: false,
      needsAuthority: false,
      run: () => ({ fields: { level: level() } }),
    },
    {
      names: ["set_log_level"],
      method: "POST",
      needsServing: true,
      needsAuthority: true,
      run: async ({ body }) => {
        const wanted = await readMember(body, "level");
        const known = LOG_LEVELS.find((one) => one === wanted);
        if (known === undefined) return REFUSAL;
        for (const threshold of thresholds) threshold.level = known;
        logger.warn("the level of messages was changed by an admin command", { level: known });
        return { fields: { level: level() } };
      },
    },
  ];
}

const REFUSAL: AdminReply = {
  status: 400,
  error: `the body must be {"level": "<one of ${LOG_LEVELS.join(", ")}>"}`,
};
