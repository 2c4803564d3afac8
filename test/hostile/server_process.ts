import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TlsOptions } from "../../transports/tcp/mod.ts";

/** What the server says of itself, after a forced collection. */
export interface ServerReport {
  readonly heapBytes: number;
  readonly rssBytes: number;
  readonly digestMismatches: number;
  readonly connections: number;
  readonly watches: number;
  readonly nodes: number;
  readonly outstanding: number;
  /** Of TLS. */
  readonly failedHandshakes: number;
}

/** What `createServer` takes as data, and more. */
export type HostileOptions = Readonly<Record<string, unknown>> & {
  /** A second port, for TLS; its clients are identities of `x509`. */
  readonly tls?: TlsOptions;
  /** Passwords of users of SASL. */
  readonly users?: Readonly<Record<string, string>>;
};

/** The server under attack. */
export class ServerProcess {
  readonly port: number;
  readonly pid: number;
  /** 0 where there is none. */
  readonly tlsPort: number;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #output: () => string;

  private constructor(
    child: ChildProcess,
    at: { port: number; tlsPort: number; folder: string },
    out: () => string,
  ) {
    this.#child = child;
    this.port = at.port;
    this.pid = child.pid ?? 0;
    this.tlsPort = at.tlsPort;
    this.#folder = at.folder;
    this.#output = out;
  }

  static async start(options: HostileOptions = {}): Promise<ServerProcess> {
    const folder = mkdtempSync(join(tmpdir(), "zookit-hostile-"));
    const main = fileURLToPath(new URL("server_main.ts", import.meta.url));
    const child = fork(main, [folder, JSON.stringify(options)], {
      execArgv: ["--expose-gc", "--max-old-space-size=1024", "--import", "tsx"],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    let output = "";
    child.stderr?.on("data", (chunk) => {
      output = (output + String(chunk)).slice(-20_000);
    });
    const ended = once(child, "exit").then(() => [{ port: 0, tlsPort: 0 }]);
    const [{ port, tlsPort }] = (await Promise.race([once(child, "message"), ended])) as [
      { port: number; tlsPort: number },
    ];
    if (port === 0) throw new Error(`the server does not start:\n${output}`);
    return new ServerProcess(child, { port, tlsPort, folder }, () => output);
  }

  /** What it wrote to standard error: its errors. */
  get output(): string {
    return this.#output();
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** @throws when it ended, with what it said. */
  async report(): Promise<ServerReport> {
    if (!this.isRunning) throw new Error(`the server ended:\n${this.output}`);
    this.#child.send("report");
    const listening = new AbortController();
    const { signal } = listening;
    const ended = once(this.#child, "exit", { signal }).then(() => [undefined]);
    ended.catch(() => {}); // Aborted when the report came first.
    const [report] = await Promise.race([once(this.#child, "message", { signal }), ended]);
    listening.abort();
    if (report === undefined) throw new Error(`the server ended:\n${this.output}`);
    return report as ServerReport;
  }

  /** Waits until its own report satisfies `holds`. @throws the last report after `limitMs`. */
  async until(holds: (report: ServerReport) => boolean, limitMs = 60_000): Promise<ServerReport> {
    const deadline = Date.now() + limitMs;
    for (;;) {
      const report = await this.report();
      if (holds(report)) return report;
      if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(report)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    if (this.isRunning) {
      this.#child.kill("SIGKILL");
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
