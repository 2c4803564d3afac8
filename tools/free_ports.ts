/**
 * Ports of loopback for servers that are told where to listen, or come back to the same place.
 *
 * They are below those that a system gives to whoever asks for none (from 32,768 on Linux, from
 * 49,152 elsewhere): no connection of another program can take one while its server is down, as
 * it can with a port that was merely free a moment ago.
 *
 * @module
 */
import { once } from "node:events";
import { createServer, type Server } from "node:net";

const HOST = "127.0.0.1";
const BLOCK_PORTS = 100;
const FIRST_BLOCK = 100;
const LAST_BLOCK = 319;

/** Each process takes blocks for itself: whoever listens at the first port of one has it. */
let next = 0;
let end = 0;

/** Ports that nobody uses, all different, and given to nobody else while this process runs. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    if (next === end) await takeBlock();
    const port = next++;
    const probe = await listen(port);
    if (probe === undefined) continue;
    probe.close();
    await once(probe, "close");
    ports.push(port);
  }
  return ports;
}

/** One of {@link freePorts}. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** Processes begin at different places, so that few meet. */
async function takeBlock(): Promise<void> {
  const blocks = LAST_BLOCK - FIRST_BLOCK + 1;
  const start = process.pid % blocks;
  for (let i = 0; i < blocks; i++) {
    const first = (FIRST_BLOCK + ((start + i) % blocks)) * BLOCK_PORTS;
    const holder = await listen(first);
    if (holder === undefined) continue;
    holder.unref();
    next = first + 1;
    end = first + BLOCK_PORTS;
    return;
  }
  throw new Error(`no block of ports from ${FIRST_BLOCK * BLOCK_PORTS} on is free`);
}

/** Undefined when somebody else has the port. */
async function listen(port: number): Promise<Server | undefined> {
  const server = createServer();
  server.listen(port, HOST);
  try {
    await once(server, "listening");
    return server;
  } catch {
    return undefined;
  }
}
