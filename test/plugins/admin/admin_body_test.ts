import { once } from "node:events";
import { connect } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { AdminCommand } from "../../../core/contracts/admin.ts";
import { AdminService } from "../../../plugins/admin/mod.ts";
import { IpAuth } from "../../../plugins/auth/mod.ts";
import { ConsoleLogger, SystemClock } from "../../../plugins/system/mod.ts";
import { sampleInspection } from "./sample.ts";

const COMMAND: Omit<AdminCommand, "names" | "run"> = {
  method: "POST",
  needsServing: true,
  needsAuthority: true,
};
/** Has seen enough soon, and says so to the body or does not. */
const COMMANDS: readonly AdminCommand[] = [
  { ...COMMAND, names: ["leaves"], run: () => ({}) },
  {
    ...COMMAND,
    names: ["ends"],
    run: async ({ body }) => {
      for await (const chunk of body) if (chunk.length > 0) break;
      return {};
    },
  },
  {
    ...COMMAND,
    names: ["forgets"],
    run: async ({ body }) => {
      await body[Symbol.asyncIterator]().next();
      return {};
    },
  },
  { ...COMMAND, names: ["asks"], method: "GET", run: () => ({}) },
];
/** More than a socket holds on its way. */
const BODY = new Uint8Array(20_000_000);

test("who sends all of a long body before he looks for the answer finds it", async () => {
  const parts = {
    inspection: sampleInspection({ mayAdminister: () => true }),
    clock: new SystemClock(),
    logger: new ConsoleLogger("silent"),
    providers: [new IpAuth()],
    commands: COMMANDS,
  };
  const service = new AdminService(parts, { port: 0, idleTimeoutMs: 3_000 });
  await service.start();
  for (const { names, method } of COMMANDS) {
    const socket = connect(service.port, "127.0.0.1").pause();
    const head = `POST /commands/${names[0]} HTTP/1.1\r\nhost: a\r\nauthorization: ip\r\n`;
    socket.write(`${head}content-length: ${BODY.length}\r\n\r\n`);
    // A reset shows as the answer that is missing.
    socket.on("error", () => {});
    await new Promise((resolve) => socket.write(BODY, resolve));
    const [answer] = await Promise.race([once(socket.resume(), "data"), once(socket, "close")]);
    assert.match(
      String(answer),
      method === "POST" ? /^HTTP\/1.1 200 / : /^HTTP\/1.1 405 /,
      names[0],
    );
    socket.destroy();
  }
  await service.stop();
});

test.run();
