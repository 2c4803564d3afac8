import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { containerLogLevel } from "../../../cli/config/container_env.ts";
import { loadConfig } from "../../../cli/config/load.ts";
import { ConfigError } from "../../../cli/config/server_config.ts";

/** What the official image sets when its user says nothing. */
const IMAGE = {
  ZOO_CONF_DIR: "/no-such-folder",
  ZOO_DATA_DIR: "/data",
  ZOO_DATA_LOG_DIR: "/datalog",
  ZOO_LOG_DIR: "/logs",
  ZOO_TICK_TIME: "2000",
  ZOO_INIT_LIMIT: "5",
  ZOO_SYNC_LIMIT: "2",
  ZOO_AUTOPURGE_PURGEINTERVAL: "0",
  ZOO_AUTOPURGE_SNAPRETAINCOUNT: "3",
  ZOO_MAX_CLIENT_CNXNS: "60",
  ZOO_STANDALONE_ENABLED: "true",
  ZOO_ADMINSERVER_ENABLED: "true",
};

test("the image's own variables make the server that it makes", () => {
  const { config, warnings } = loadConfig({ env: IMAGE });
  assert.is(config.host, undefined);
  assert.equal([config.dataDir, config.dataLogDir], ["/data", "/datalog"]);
  assert.equal(config.options, { tickTimeMs: 2000, maxClientCnxns: 60 });
  assert.is(config.admin.enabled, true);
  assert.is(warnings.length, 1);
  assert.match(warnings[0] ?? "", /autopurge\.purgeInterval/);
});

test("ZOO_SERVERS, ZOO_CFG_EXTRA and the whitelist are lines of a zoo.cfg", () => {
  const env = {
    ZOO_SERVERS: "server.1=0.0.0.0:2888:3888;2199",
    ZOO_CFG_EXTRA: "maxCnxns=7  metricsProvider.httpPort=7001\nsnapCount=5000",
    ZOO_4LW_COMMANDS_WHITELIST: "srvr, mntr",
    ZOO_TICK_TIME: "  ",
  };
  const { config } = loadConfig({ env });
  assert.is(config.port, 2199);
  assert.equal(config.options, { maxCnxns: 7, snapCount: 5000 });
  assert.is(config.metrics.port, 7001);
  assert.equal(config.fourLetterWords, ["srvr", "mntr"]);
});

test("JVMFLAGS, -D and flags win over the variables", () => {
  const flags = [{ key: "clientPort", value: "4", source: "--port" }];
  const { config } = loadConfig({
    env: { ...IMAGE, JVMFLAGS: "-Dzookeeper.tickTime=100" },
    definitions: ["zookeeper.maxClientCnxns=1"],
    flags,
  });
  assert.equal(config.options, { tickTimeMs: 100, maxClientCnxns: 1 });
  assert.is(config.port, 4);
});

test("a zoo.cfg, given or in ZOO_CONF_DIR, leaves no room for the variables", () => {
  const folder = mkdtempSync(join(tmpdir(), "zookit-conf-"));
  try {
    const file = join(folder, "zoo.cfg");
    writeFileSync(file, "dataDir=/elsewhere\n");
    for (const sources of [{ file, env: IMAGE }, { env: { ...IMAGE, ZOO_CONF_DIR: folder } }]) {
      const { config } = loadConfig(sources);
      assert.is(config.dataDir, "/elsewhere");
      assert.equal(config.options, {});
      assert.is(config.admin.enabled, undefined);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a wrong value is named by its variable", () => {
  try {
    loadConfig({ env: { ZOO_TICK_TIME: "soon", ZOO_CFG_EXTRA: "enforceQuota=perhaps" } });
    assert.unreachable("such values cannot be honoured");
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    assert.match(error.findings[0] ?? "", /^ZOO_TICK_TIME: tickTime=soon: /);
    assert.match(error.findings[1] ?? "", /^ZOO_CFG_EXTRA: enforceQuota=perhaps: /);
  }
});

test("a variable that looks like a slip is named, others of that prefix are not", () => {
  const env = { ...IMAGE, ZOO_TICKTIME: "1000", ZOO_SERVICE_HOST: "10.0.0.1", ZOO_PORT: "tcp" };
  const { warnings } = loadConfig({ env });
  const ofVariables = warnings.filter((warning) => warning.includes("variable"));
  assert.equal(ofVariables, ["unknown variable ZOO_TICKTIME; did you mean ZOO_TICK_TIME?"]);
});

test("containerLogLevel() takes the first word of ZOO_LOG4J_PROP", () => {
  assert.is(containerLogLevel({ ZOO_LOG4J_PROP: "DEBUG,CONSOLE,ROLLINGFILE" }), "debug");
  assert.is(containerLogLevel({ ZOO_LOG4J_PROP: "off" }), "silent");
  assert.is(containerLogLevel({ ZOO_LOG4J_PROP: "LOUD" }), undefined);
  assert.is(containerLogLevel({}), undefined);
});

test.run();
