/**
 * The client, bundled for a browser, in headless Chromium against a server over WebSocket. Needs
 * Debian's package `chromium`.
 */
import { spawn } from "node:child_process";
import { accessSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connect } from "../../client/mod.ts";
import { createServer, essentials, memoryStorage, webSocketTransport } from "../../mod.ts";

const CHROMIUM = "/usr/bin/chromium";
const HOST = "127.0.0.1";
const REPORT_MS_MAX = 60_000;

/** What the page does: it tells `/report` what it saw, which for a failure is its message. */
const SCRIPT = `
import { connect } from "./client/mod.ts";
const text = (data) => new TextDecoder().decode(data ?? undefined);
const report = (body) => fetch("/report", { method: "POST", body: JSON.stringify(body) });
const url = new URLSearchParams(location.search).get("server");
const seen = [];
try {
  const zk = await connect({ servers: url });
  await zk.create("/page", "ready");
  zk.data$("/page").subscribe(async (value) => {
    seen.push(text(value?.data));
    if (seen.at(-1) === "ready") await zk.create("/seen", null);
    if (seen.at(-1) !== "last") return;
    const large = (await zk.getData("/large")).data;
    await zk.create("/done", new Uint8Array(300_000).fill(9));
    await zk.close();
    await report({ seen, largeBytes: large.length, isEqual: large.every((byte) => byte === 7) });
  });
} catch (error) {
  await report({ failed: String(error) });
}
`;

interface Esbuild {
  build(options: object): Promise<{ readonly outputFiles: readonly { readonly text: string }[] }>;
}

/** The page's script with the client in it. */
async function bundle(): Promise<string> {
  // esbuild comes with tsx.
  const fromTsx = createRequire(createRequire(import.meta.url).resolve("tsx/package.json"));
  const { build } = fromTsx("esbuild") as Esbuild;
  const { outputFiles } = await build({
    stdin: { contents: SCRIPT, resolveDir: process.cwd(), loader: "ts" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    external: ["node:*"], // Loaded by the TCP and TLS dialers alone, at their first use.
  });
  return outputFiles[0]?.text ?? "";
}

/** Serves the page, and resolves with what it reports. */
class Page {
  readonly report: Promise<Record<string, unknown>>;
  readonly #server: HttpServer;

  constructor(script: string) {
    let reported = (_report: Record<string, unknown>): void => {};
    this.report = new Promise((resolve) => {
      reported = resolve;
    });
    this.#server = createHttpServer(async (request, response) => {
      if (request.url === "/report") {
        let body = "";
        for await (const chunk of request) body += String(chunk);
        response.end();
        reported(JSON.parse(body) as Record<string, unknown>);
      } else if (request.url === "/script.js") {
        response.setHeader("content-type", "text/javascript").end(script);
      } else {
        response.setHeader("content-type", "text/html");
        response.end(`<!doctype html><script type="module" src="/script.js"></script>`);
      }
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, HOST, resolve));
    return `http://${HOST}:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** Opens `url` in Chromium while `during` runs, and leaves nothing behind. */
async function browse(url: string, during: () => Promise<void>): Promise<void> {
  const profile = await mkdtemp(join(tmpdir(), "zookit-browser-"));
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
  const quiet = ["--no-first-run", "--disable-background-networking", "--disable-extensions"];
  // A DevTools port keeps it open until it is ended.
  const where = ["--remote-debugging-port=0", `--user-data-dir=${profile}`, url];
  const browser = spawn(CHROMIUM, [...flags, ...quiet, ...where], { stdio: "ignore" });
  const exited = new Promise<void>((resolve) => browser.once("exit", () => resolve()));
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("the page reported nothing")), REPORT_MS_MAX);
  });
  try {
    await Promise.race([during(), tooLate]);
  } finally {
    clearTimeout(timer);
    browser.kill("SIGTERM");
    await exited;
    await rm(profile, { recursive: true, force: true, maxRetries: 10 });
  }
}

test("a page uses the client over WebSocket, and its data$ follows another client", async () => {
  try {
    accessSync(CHROMIUM);
  } catch (cause) {
    throw new Error("no browser: install Debian's package chromium", { cause });
  }
  const page = new Page(await bundle());
  const origin = await page.listen();
  const transport = webSocketTransport({ port: 0, host: HOST, origins: [origin] });
  const plugins = [...essentials({ logLevel: "silent" }), memoryStorage(), transport];
  await using server = createServer({ plugins });
  await server.start();
  const [address = ""] = server.addresses;
  await using zk = await connect({ servers: address });
  await zk.create("/large", new Uint8Array(900_000).fill(7));
  // Only once the page has seen the first value: streams may leave out what is past already.
  const follow = zk.exists$("/seen").subscribe((exists) => {
    if (exists) void zk.setData("/page", "last");
  });
  await browse(`${origin}/?server=${encodeURIComponent(address)}`, async () => {
    const report = await page.report;
    assert.equal(report, { seen: ["ready", "last"], largeBytes: 900_000, isEqual: true });
  });
  follow.unsubscribe();
  assert.is((await zk.getData("/done")).data?.length, 300_000);
  page.close();
});

test.run();
