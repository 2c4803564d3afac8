import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { TLSSocket } from "node:tls";
import {
  ADMIN_COMMAND,
  type AdminCommand,
  type AdminReply,
  type AdminRequest,
  type AdminValue,
} from "../../core/contracts/admin.ts";
import { AUTH_PROVIDER, type AuthProvider } from "../../core/contracts/auth.ts";
import { CLOCK, type Clock } from "../../core/contracts/clock.ts";
import { INSPECTION, type ServerInspection } from "../../core/contracts/inspection.ts";
import { LOG_THRESHOLD, LOGGER, type Logger } from "../../core/contracts/logger.ts";
import { METRICS } from "../../core/contracts/metrics.ts";
import { SERVICE, type Service } from "../../core/contracts/service.ts";
import type { Peer } from "../../core/contracts/transport.ts";
import type { Plugin } from "../../core/kernel/plugin.ts";
import { RareWarning } from "../../core/server/rare_warning.ts";
import type { Id } from "../../core/wire/records.ts";
import { builtInCommands, type Setup } from "./commands.ts";
import { HttpPort } from "./http_port.ts";
import type { HttpTls } from "./http_tls.ts";
import { entriesOf, formatJson } from "./json.ts";
import { logLevelCommands } from "./log_level.ts";
import { shedConnectionsCommand } from "./shed_connections.ts";
import type { Places } from "./words.ts";

/** Where the admin server listens and what it tells; defaults are Apache's but for the address. */
export interface AdminServerOptions extends Partial<Places>, Partial<Setup> {
  /** Address to listen on (`admin.serverAddress`). Default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** Port to listen on; 0 lets the system choose (`admin.serverPort`). Default 8080. */
  readonly port?: number;
  /** Path below which the commands are (`admin.commandURL`). Default `/commands`. */
  readonly commandUrl?: string;
  /** Time after which a silent connection is closed, ms (`admin.idleTimeout`). Default 30000. */
  readonly idleTimeoutMs?: number;
  /** Speaks TLS (`admin.forceHttps`, `admin.portUnification`). Default plain HTTP. */
  readonly tls?: HttpTls | undefined;
}

const DEFAULTS = { host: "127.0.0.1", port: 8080, commandUrl: "/commands", idleTimeoutMs: 30_000 };

/** What the admin server asks. */
export interface AdminParts {
  readonly inspection: ServerInspection;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly providers: readonly AuthProvider[];
  /** A later one takes the place of an earlier one of the same name. */
  readonly commands: readonly AdminCommand[];
}

/** Answers operators' commands by HTTP, `GET /commands/<name>`, as Apache does (CP 11). */
export class AdminService implements Service {
  readonly name = "admin";
  readonly #parts: AdminParts;
  readonly #commandUrl: string;
  readonly #url: string;
  readonly #tls: HttpTls | undefined;
  readonly #port: HttpPort;
  readonly #byName = new Map<string, AdminCommand>();
  readonly #refused: RareWarning;

  constructor(parts: AdminParts, options: AdminServerOptions = {}) {
    const { host = DEFAULTS.host, port = DEFAULTS.port, ...rest } = options;
    const { idleTimeoutMs = DEFAULTS.idleTimeoutMs } = rest;
    this.#parts = parts;
    this.#refused = new RareWarning(parts.logger, parts.clock);
    this.#commandUrl = (rest.commandUrl ?? DEFAULTS.commandUrl).replace(/\/+$/, "");
    this.#tls = rest.tls;
    this.#url = `${rest.tls === undefined ? "http" : "https"}://${host}`;
    for (const command of parts.commands) {
      for (const name of command.names) this.#byName.set(name, command);
    }
    const place = { name: "the admin server", host, port, idleTimeoutMs, tls: rest.tls };
    this.#port = new HttpPort(place, parts.logger, (request, response) => {
      return this.#serve(request, response);
    });
  }

  /** The port it listens on; 0 before {@link start}. */
  get port(): number {
    return this.#port.port;
  }

  /** @throws {TransportError} `address-in-use` or `io`, naming the address. */
  async start(): Promise<void> {
    await this.#port.listen();
    this.#parts.logger.info(`admin commands on ${this.#url}:${this.port}${this.#commandUrl}`);
  }

  async stop(): Promise<void> {
    await this.#port.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "" } = request;
    if (isByTls(request)) response.setHeader("strict-transport-security", HTTPS_ONLY);
    if (method === "TRACE") return end(response, 403);
    if (!["GET", "HEAD", "POST"].includes(method)) return end(response, 405);
    const url = parseUrl(request.url ?? "");
    if (url === undefined) return end(response, 400);
    const name = this.#commandName(url.path);
    if (name === undefined) return end(response, 404, `commands are at ${this.#commandUrl}\n`);
    if (name === "") return this.#list(response);
    const command = this.#byName.get(name);
    const body = request.iterator({ destroyOnReturn: false });
    const reply = await this.#answer(command, request, { args: url.args, body });
    // Many send all of a body before they look for the answer.
    void body.return?.().then(() => request.resume(), nothing);
    await send(response, command?.names[0] ?? name, reply ?? unknownCommand(name));
  }

  /** What comes after the command URL; undefined for other paths. */
  #commandName(path: string): string | undefined {
    if (path === this.#commandUrl) return "";
    const prefix = `${this.#commandUrl}/`;
    return path.startsWith(prefix) ? path.slice(prefix.length) : undefined;
  }

  #list(response: ServerResponse): void {
    const names = [...new Set(this.#byName.values())].map((command) => command.names[0]);
    const lines = names.sort().map((name) => {
      return `<a href="${this.#commandUrl}/${name}">${name}</a>\n<br/>\n`;
    });
    response.writeHead(200, { "content-type": "text/html" }).end(lines.join(""));
  }

  async #answer(
    command: AdminCommand | undefined,
    request: IncomingMessage,
    asked: AdminRequest,
  ): Promise<AdminReply | undefined> {
    if (command === undefined) return undefined;
    const method = request.method === "HEAD" ? "GET" : request.method;
    if (command.method !== method) {
      return { status: 405, error: `${command.names[0]} takes ${command.method}, not ${method}` };
    }
    const isServing = this.#parts.inspection.status.serving !== "none";
    if (command.needsServing && !isServing) {
      // Apache's old commands say 200; whoever asks for a deed must not take that for done.
      return { status: command.needsAuthority ? 503 : 200, error: NOT_SERVING };
    }
    const refusal = command.needsAuthority ? this.#refuse(request) : undefined;
    if (refusal !== undefined) {
      const client = request.socket.remoteAddress;
      this.#refused.say("admin command refused", { client, command: command.names[0] });
      return refusal;
    }
    const run = async (): Promise<AdminReply> => command.run(asked);
    try {
      // Who has authority may wait for a long command; the body's arrival is bounded by itself.
      return await (command.needsAuthority ? this.#port.letWait(request, run) : run());
    } catch (error) {
      // Whoever went in the middle of a body; what else fails meanwhile must still be told.
      const isGone = (error as { readonly code?: string }).code === "ECONNRESET";
      if (!isGone) this.#parts.logger.error(`admin command ${command.names[0]} failed`, { error });
      return { status: 500, error: "the command failed, see the server's log" };
    }
  }

  /** Why whoever asks may not run a command that takes authority; undefined when he may. */
  #refuse(request: IncomingMessage): AdminReply | undefined {
    const { authorization } = request.headers;
    if (authorization === undefined) {
      return { status: 401, error: "Auth info is missing for the command" };
    }
    const ids = this.#identify(authorization, this.#peerOf(request));
    if (ids.length === 0) return { status: 401, error: "Not authenticated" };
    const mayDo = this.#parts.inspection.mayAdminister(ids);
    return mayDo ? undefined : { status: 403, error: "Not authorized" };
  }

  #peerOf(request: IncomingMessage): Peer {
    const { remoteAddress = "", remotePort = 0 } = request.socket;
    const secure = isByTls(request);
    // Bun's sockets of HTTP do not tell.
    const raw = (request.socket as Partial<TLSSocket>).getPeerCertificate?.()?.raw;
    return {
      address: remoteAddress.replace(/^::ffff:(?=\d+\.)/, ""),
      port: remotePort,
      secure,
      certificateSubject: raw === undefined ? undefined : this.#tls?.subjectOf(raw),
    };
  }

  /** Identities by a header `<scheme>` or `<scheme> <data>`; none when it proves nothing. */
  #identify(authorization: string, peer: Peer): readonly Id[] {
    const [scheme, data, ...more] = authorization.split(" ");
    const provider = this.#parts.providers.find((one) => one.scheme === scheme);
    if (provider === undefined || more.length > 0) return [];
    if (data === undefined || data === "") return provider.identify(peer);
    const outcome = provider.authenticate(new TextEncoder().encode(data), peer);
    return outcome.ok ? outcome.value : [];
  }
}

/** As long as Apache's, s. */
const HTTPS_ONLY = "max-age=86400; includeSubDomains";
const NOT_SERVING = "This ZooKeeper instance is not currently serving requests";

/** Who has gone sends no more. */
function nothing(): void {}

function unknownCommand(name: string): AdminReply {
  return { error: `Unknown command: ${name}` };
}

function parseUrl(
  text: string,
): { readonly path: string; readonly args: ReadonlyMap<string, string> } | undefined {
  try {
    const { pathname, searchParams } = new URL(text, "http://localhost");
    const args = new Map<string, string>();
    for (const [name, value] of searchParams) if (!args.has(name)) args.set(name, value);
    return { path: decodeURIComponent(pathname), args };
  } catch {
    return undefined; // Not an address at all: answered with 400.
  }
}

function isByTls({ socket }: IncomingMessage): boolean {
  return (socket as Partial<TLSSocket>).encrypted === true;
}

function end(response: ServerResponse, status: number, text = ""): void {
  response.writeHead(status, text === "" ? {} : { "content-type": "text/plain" }).end(text);
}

async function send(response: ServerResponse, name: string, reply: AdminReply): Promise<void> {
  const { status = 200, headers = {}, stream, fields = {} } = reply;
  if (stream !== undefined) {
    response.writeHead(status, { ...headers, "content-type": "application/octet-stream" });
    const pieces = stream[Symbol.asyncIterator]();
    try {
      await pipeline({ [Symbol.asyncIterator]: () => pieces }, response);
    } finally {
      await pieces.return?.(); // Whoever asked may have gone before the first one.
    }
    return;
  }
  const shown = new Map<string, AdminValue>(entriesOf(fields));
  shown.set("command", name).set("error", reply.error ?? shown.get("error") ?? null);
  response.writeHead(status, { ...headers, "content-type": "application/json" });
  response.end(formatJson(shown));
}

/** Answers Apache's admin commands by HTTP, and those that other plugins bring. */
export function adminServer(options: AdminServerOptions = {}): Plugin {
  const { dataDir = "", dataLogDir = dataDir, clientPortListenBacklog = -1 } = options;
  const { initialConfiguration = "", properties = {} } = options;
  return {
    name: "admin-server",
    provides: [SERVICE],
    requires: [INSPECTION, CLOCK, METRICS, LOGGER],
    register: (container) => {
      container.provide(SERVICE, () => {
        const inspection = container.get(INSPECTION);
        const places = { dataDir, dataLogDir, clientPortListenBacklog };
        const asked = { server: inspection, metrics: container.get(METRICS), places };
        const own = builtInCommands(asked, { initialConfiguration, properties });
        const logger = container.get(LOGGER).child("admin");
        const logging = logLevelCommands(container.all(LOG_THRESHOLD), logger);
        const shed = shedConnectionsCommand(inspection, logger);
        const parts = {
          inspection,
          clock: container.get(CLOCK),
          logger,
          providers: container.all(AUTH_PROVIDER),
          commands: [...own, ...logging, shed, ...container.all(ADMIN_COMMAND)],
        };
        return new AdminService(parts, options);
      });
    },
  };
}
