import { test } from "uvu";
import * as assert from "uvu/assert";
import type { PeerListener } from "../../core/contracts/peer_network.ts";
import { TransportError } from "../../core/contracts/transport.ts";
import { TcpPeerNetwork } from "../../transports/tcp/mod.ts";
import { End } from "../conformance/transport_pair.ts";

const HOST = "127.0.0.1";
const network = new TcpPeerNetwork();

/** Listens, and resolves with the first connection's end. */
async function listen(): Promise<{ at: PeerListener; accepted: Promise<End> }> {
  let tell = (_end: End): void => {};
  const accepted = new Promise<End>((resolve) => {
    tell = resolve;
  });
  const at = await network.listen({ host: HOST, port: 0 }, (connection) => {
    const end = new End(connection);
    tell(end);
    return end;
  });
  return { at, accepted };
}

async function dial(port: number): Promise<End> {
  let end: End | undefined;
  await network.dial({ host: "localhost", port }, 5_000, (connection) => {
    end = new End(connection);
    return end;
  });
  return end as End;
}

async function dialError(port: number): Promise<unknown> {
  try {
    await dial(port);
  } catch (error) {
    return error;
  }
  return undefined;
}

test("dial() resolves a name and carries bytes both ways", async () => {
  const { at, accepted } = await listen();
  const near = await dial(at.port);
  const far = await accepted;
  near.connection.write(new Uint8Array([1, 2, 3]));
  far.connection.write(new Uint8Array([4]));
  await Promise.all([far.untilBytes(3), near.untilBytes(1)]);
  assert.equal([...far.received(), ...near.received()], [1, 2, 3, 4]);
  near.connection.destroy();
  far.connection.destroy();
  await Promise.all([near.untilClosed(), far.untilClosed(), at.close()]);
});

test("dial() says that nobody listens", async () => {
  const { at } = await listen();
  const { port } = at;
  await at.close();
  const error = await dialError(port);
  assert.instance(error, TransportError);
  assert.is((error as TransportError).kind, "refused");
});

test("listen() names the address that is in use", async () => {
  const { at } = await listen();
  try {
    await network.listen({ host: HOST, port: at.port }, () => undefined);
    assert.unreachable("it listened twice");
  } catch (error) {
    assert.is((error as TransportError).kind, "address-in-use");
    assert.match((error as TransportError).message, `${HOST}:${at.port}`);
  }
  await at.close();
});

test.run();
