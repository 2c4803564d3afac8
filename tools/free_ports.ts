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
    await close(probe);
    ports.push(port);
  }
  return ports;
}

/** One of {@link freePorts}. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/**
 * A port for a program that takes others too, at these distances above it: all are free, and given
 * to nobody else while this process runs.
 */
export async function freePortBefore(distances: readonly number[]): Promise<number> {
  for (const block of blocks()) {
    const port = block * BLOCK_PORTS + 1;
    const ports = [port, ...distances.map((distance) => port + distance)];
    const wanted = [...new Set(ports.map((one) => Math.floor(one / BLOCK_PORTS)))];
    if (Math.max(...wanted) > LAST_BLOCK) continue;
    const holders = await Promise.all(wanted.map((one) => listen(one * BLOCK_PORTS)));
    const probes = await Promise.all(ports.map(listen));
    await Promise.all(probes.map(close));
    if (![...holders, ...probes].includes(undefined)) {
      for (const holder of holders) holder?.unref();
      return port;
    }
    await Promise.all(holders.map(close));
  }
  throw new Error(`no port from ${FIRST_BLOCK * BLOCK_PORTS} on is free with those above it`);
}

async function takeBlock(): Promise<void> {
  for (const block of blocks()) {
    const holder = await listen(block * BLOCK_PORTS);
    if (holder === undefined) continue;
    holder.unref();
    next = block * BLOCK_PORTS + 1;
    end = (block + 1) * BLOCK_PORTS;
    return;
  }
  throw new Error(`no block of ports from ${FIRST_BLOCK * BLOCK_PORTS} on is free`);
}

/** Processes begin at different places, so that few meet. */
function* blocks(): IterableIterator<number> {
  const count = LAST_BLOCK - FIRST_BLOCK + 1;
  for (let i = 0; i < count; i++) yield FIRST_BLOCK + ((process.pid + i) % count);
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

async function close(server: Server | undefined): Promise<void> {
  if (server === undefined) return;
  server.close();
  await once(server, "close");
}
