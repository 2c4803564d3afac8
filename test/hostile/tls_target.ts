import { test } from "uvu";
import type { TlsOptions } from "../../transports/tcp/mod.ts";
import { TlsFixture } from "../transports/tls_fixture.ts";
import type { Target } from "./raw_client.ts";
import { ServerProcess } from "./server_process.ts";

/** What `createServer` takes as data, and settings of the port for TLS. */
type TargetOptions = Readonly<Record<string, unknown>> & { readonly tls?: Partial<TlsOptions> };

let made: TlsFixture | undefined;
test.after(() => made?.remove());

/** Certificates for the tests of this process. */
function fixture(): TlsFixture {
  made ??= new TlsFixture();
  return made;
}

/** A server to attack, and where: by TLS with a certificate that it trusts or with none. */
export async function startTarget(
  isSecure: boolean,
  hasCertificate = true,
  { tls: changes, ...options }: TargetOptions = {},
): Promise<{ server: ServerProcess; target: Target }> {
  if (!isSecure) {
    const server = await ServerProcess.start(options);
    return { server, target: { port: server.port } };
  }
  const clientAuth: TlsOptions["clientAuth"] = hasCertificate ? "need" : "want";
  const tls = fixture().options({ clientAuth, ...changes });
  const server = await ServerProcess.start({ ...options, tls });
  return { server, target: tlsTarget(server, hasCertificate) };
}

/** The port for TLS of a server. */
export function tlsTarget({ tlsPort }: ServerProcess, hasCertificate: boolean): Target {
  return { port: tlsPort, tls: fixture().client(hasCertificate ? "client" : undefined) as object };
}
