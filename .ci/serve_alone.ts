/**
 * Starts the command on the runtime that runs this file, serves one session over TCP (connect,
 * create, read back, close), stops it with SIGTERM and expects exit code 0.
 *
 * `serve_alone.ts [PROGRAM]`: without an argument, `bin/zookit.js` of the clone that is the working
 * directory; any other program gets the command's arguments too, and may disregard them.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JuteReader, JuteWriter } from "../core/wire/jute.ts";
import { OPCODES } from "../core/wire/opcodes.ts";
import {
  OPEN_ACL,
  readConnectResponse,
  writeAcls,
  writeConnectRequest,
} from "../core/wire/records.ts";
import { NO_SESSION } from "../core/wire/session_id.ts";

const LIMIT_MS = 30_000;
const DATA = new TextEncoder().encode("alone");

/** Sends a body with its length, and resolves with the body of the next frame. */
async function ask(socket: Socket, write: (writer: JuteWriter) => void): Promise<JuteReader> {
  const writer = new JuteWriter();
  const start = writer.reserve(4);
  write(writer);
  writer.intAt(start, writer.length - 4);
  socket.write(writer.copy());
  let bytes = new Uint8Array(0);
  while (bytes.length < 4 || bytes.length < 4 + new JuteReader(bytes).int()) {
    const chunk = await new Promise<Uint8Array>((resolve, reject) => {
      socket.once("data", resolve);
      socket.once("close", () => reject(new Error("the server closed the connection")));
    });
    bytes = new Uint8Array([...bytes, ...chunk]);
  }
  return new JuteReader(bytes, 4);
}

/** A request with its header; the reply's body, after its header is found without an error. */
async function request(
  socket: Socket,
  opcode: number,
  write: (writer: JuteWriter) => void,
): Promise<JuteReader> {
  const reply = await ask(socket, (writer) => {
    writer.int(1);
    writer.int(opcode);
    write(writer);
  });
  reply.int();
  reply.int();
  reply.int();
  const error = reply.int();
  if (error !== 0) throw new Error(`opcode ${opcode} was answered with error ${error}`);
  return reply;
}

async function useServer(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  const session = readConnectResponse(
    await ask(socket, (writer) =>
      writeConnectRequest(writer, {
        protocolVersion: 0,
        lastZxidSeen: 0,
        timeoutMs: 10_000,
        sessionId: NO_SESSION,
        password: new Uint8Array(16),
        readOnly: false,
      }),
    ),
  );
  if (session.timeoutMs <= 0) throw new Error("no session was granted");
  await request(socket, OPCODES.create, (writer) => {
    writer.string("/alone");
    writer.buffer(DATA);
    writeAcls(writer, OPEN_ACL);
    writer.int(1);
  });
  const reply = await request(socket, OPCODES.getData, (writer) => {
    writer.string("/alone");
    writer.boolean(false);
  });
  const data = new TextDecoder().decode(reply.buffer() ?? new Uint8Array(0));
  if (data !== "alone") throw new Error(`read "${data}" back`);
  await request(socket, OPCODES.closeSession, () => {});
  socket.destroy();
}

const dataDir = mkdtempSync(join(tmpdir(), "zookit-alone-"));
const config = join(dataDir, "zoo.cfg");
writeFileSync(config, `dataDir=${dataDir}\nclientPortAddress=127.0.0.1\nclientPort=0\n`);
const run = "Deno" in globalThis ? ["run", "-A"] : [];
const command = process.argv[2] ?? "bin/zookit.js";
const server = spawn(process.execPath, [...run, command, "serve", config], {
  stdio: ["ignore", "pipe", "inherit"],
});
const exited = new Promise<number>((resolve) => server.on("close", (code) => resolve(code ?? -1)));
const limit = setTimeout(() => server.kill("SIGKILL"), LIMIT_MS);
try {
  const port = await new Promise<number>((resolve, reject) => {
    let output = "";
    server.stdout.on("data", (chunk) => {
      process.stdout.write(chunk);
      output += chunk;
      const ready = /ready on \S+:(\d+)/.exec(output);
      if (ready !== null) resolve(Number(ready[1]));
    });
    void exited.then((code) => reject(new Error(`exited with ${code} before it was ready`)));
  });
  await useServer(port);
  console.log("served a session");
  // Not server.kill(): Deno then reports the signal even of a process that ended by itself.
  process.kill(server.pid ?? 0, "SIGTERM");
  const code = await exited;
  if (code !== 0) throw new Error(`exited with ${code} after SIGTERM`);
} finally {
  server.kill("SIGKILL");
  clearTimeout(limit);
  rmSync(dataDir, { recursive: true });
}
