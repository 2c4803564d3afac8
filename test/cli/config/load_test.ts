import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ConfigSources, type LoadedConfig, loadConfig } from "../../../cli/config/load.ts";
import { ConfigError } from "../../../cli/config/server_config.ts";
import { CONNECTION_THROTTLE, REQUEST_THROTTLE } from "../../../mod.ts";

function load(text: string, others: Omit<ConfigSources, "file"> = {}): LoadedConfig {
  const folder = mkdtempSync(join(tmpdir(), "zookit-"));
  try {
    const file = join(folder, "zoo.cfg");
    writeFileSync(file, text);
    return loadConfig({ file, needsDataDir: false, ...others });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function findingsOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error.findings;
    throw error;
  }
  return [];
}

test("without any source a server keeps its data here and listens on loopback", () => {
  const { config, warnings } = loadConfig({});
  assert.equal([config.host, config.port, config.dataDir], ["127.0.0.1", 2181, "./zookit-data"]);
  assert.equal(config.options, {});
  assert.equal(warnings, []);
});

test("Apache's sample zoo.cfg is honoured, and one warning names what has no effect", () => {
  const { config, warnings } = load(
    "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=/tmp/zookeeper\nclientPort=2182\n" +
      "maxClientCnxns=61\nautopurge.snapRetainCount=3\nautopurge.purgeInterval=1\n",
  );
  assert.equal([config.host, config.port, config.dataDir], [undefined, 2182, "/tmp/zookeeper"]);
  assert.equal(config.options, { tickTimeMs: 2000, maxClientCnxns: 61 });
  assert.is(warnings.length, 1);
  for (const key of ["autopurge.snapRetainCount", "autopurge.purgeInterval"]) {
    assert.match(warnings[0] ?? "", key);
  }
});

test("a zoo.cfg without dataDir is refused, with the misspelt key beside it", () => {
  const findings = findingsOf(() => load("dataDri=/data\n", { needsDataDir: true }));
  assert.is(findings.length, 1);
  assert.match(findings[0] ?? "", "dataDir is not set");
  assert.match(findings[0] ?? "", "unknown key dataDri; did you mean dataDir?");
});

test("later sources win: zoo.cfg, SERVER_JVMFLAGS, JVMFLAGS, -D, flags", () => {
  const port = (others: Omit<ConfigSources, "file">): number =>
    load("clientPort=1", others).config.port;
  const server = { SERVER_JVMFLAGS: "-Dzookeeper.clientPort=2" };
  const both = { ...server, JVMFLAGS: "-Dzookeeper.clientPort=3" };
  const definitions = ["zookeeper.clientPort=4"];
  const flags = [{ key: "clientPort", value: "5", source: "--port" }];
  assert.equal(
    [{}, { env: server }, { env: both }, { env: both, definitions }].map(port),
    [1, 2, 3, 4],
  );
  assert.is(port({ env: both, definitions, flags }), 5);
  assert.is(load("clientPort=1\nclientPort=6").config.port, 6);
});

test("a key of zoo.cfg and its property configure the same thing", () => {
  for (const [key, value] of [
    ["skipACL", "yes"],
    ["maxCnxns", "12"],
    ["globalOutstandingLimit", "55"],
    ["extendedTypesEnabled", "true"],
    ["enforceQuota", "true"],
    ["snapCount", "77"],
    ["nio.sessionlessCnxnTimeout", "1234"],
    ["4lw.commands.whitelist", "ruok, srvr,stat"],
    ["DigestAuthenticationProvider.superDigest", "super:x="],
    ["DigestAuthenticationProvider.enabled", "false"],
    ["jute.maxbuffer", "4096"],
    ["readonlymode.enabled", "true"],
    ["znode.container.checkIntervalMs", "500"],
  ] as const) {
    const inFile = load(`${key}=${value}`, {}).config;
    const asProperty = load("", { definitions: [`zookeeper.${key}=${value}`] }).config;
    assert.equal(inFile, asProperty, key);
    assert.not.equal(inFile, load("").config, key);
  }
});

test("properties that Apache gives no prefix are taken without one", () => {
  const definitions = [
    "jute.maxbuffer=2000",
    "readonlymode.enabled=true",
    "znode.container.maxPerMinute=9",
    "java.awt.headless=true",
  ];
  const { config, warnings } = loadConfig({ definitions });
  assert.equal(config.options, { frameBytesMax: 2000, containerMaxPerMinute: 9 });
  assert.is(config.readOnlyModeEnabled, true);
  assert.match(warnings.join("\n"), /java\.awt\.headless \(for a Java machine\)/);
});

test("a wrong value is named with key, value, line and what would be right", () => {
  const findings = findingsOf(() =>
    load("# sample\ntickTime=2s\nclientPort=65536\nextendedTypesEnabled=yes\nsnapCount=\n"),
  );
  assert.is(findings.length, 4);
  const [tick, port, types, count] = findings;
  assert.match(tick ?? "", /zoo\.cfg:2: tickTime=2s: tickTime must be a whole number from 1/);
  assert.match(port ?? "", /zoo\.cfg:3: clientPort=65536: .* from 0 to 65535/);
  assert.match(types ?? "", /zoo\.cfg:4: extendedTypesEnabled=yes: .* true or false/);
  assert.match(count ?? "", /zoo\.cfg:5: snapCount=: /);
});

test("limits that contradict each other are refused", () => {
  const text = "minSessionTimeout=9000\nmaxSessionTimeout=8000\n";
  assert.match(findingsOf(() => load(text)).join("\n"), /maxSessionTimeout.*9000.*8000/);
});

test("an unknown key is reported with the nearest known one, and the rest is honoured", () => {
  const { config, warnings } = load("maxClientConns=3\nquux.flux=1\nzookeeper.skipAcl=yes\n");
  assert.equal(config.options, {});
  assert.match(
    warnings[0] ?? "",
    /zoo\.cfg:1: unknown key maxClientConns; did you mean maxClientCn/,
  );
  assert.match(warnings[1] ?? "", /zoo\.cfg:2: unknown key quux\.flux$/);
  assert.match(warnings[2] ?? "", /unknown key zookeeper\.skipAcl; did you mean skipACL\?/);
});

test("several server lines are an ensemble, and myid says which of them this server is", () => {
  const dataDir = mkdtempSync(join(tmpdir(), "zookit-load-"));
  const text = `dataDir=${dataDir}\nserver.1=a:2888:3888;2181\nserver.2=b:2888:3888;2199\n`;
  assert.match(findingsOf(() => load(text))[0] ?? "", /myid is missing/);
  writeFileSync(join(dataDir, "myid"), "3\n");
  assert.match(findingsOf(() => load(text))[0] ?? "", /there is no line server\.3/);
  writeFileSync(join(dataDir, "myid"), "two");
  assert.match(findingsOf(() => load(text))[0] ?? "", /"two" is no number from 0 to 255/);
  writeFileSync(join(dataDir, "myid"), "2\n");
  const { config } = load(`${text}initLimit=7\nsyncLimit=3\n`);
  const { membership, initLimit, syncLimit } = config.ensemble;
  assert.is(membership, "server.1=a:2888:3888;2181\nserver.2=b:2888:3888;2199");
  assert.equal([config.options.serverId, config.port, initLimit, syncLimit], [2, 2199, 7, 3]);
  const finding = (line: string): string => findingsOf(() => load(`${text}${line}\n`))[0] ?? "";
  assert.match(finding("server.3=c"), /zoo\.cfg:4: server\.3=c must be host:quorumPort/);
  assert.match(finding("server.3=c:2888:2888"), /zoo\.cfg:4: .* two different ports/);
  assert.match(finding("server.3=b:2888:3889"), /server\.3 and server\.2 are both at b:2888/);
  assert.match(finding("server.1=c:2888:3888"), /zoo\.cfg:4: server\.1 stands in .*zoo\.cfg:2/);
  assert.match(finding("server.x=c:2888:3888"), /zoo\.cfg:4: server\.x: a number must stand/);
  rmSync(dataDir, { recursive: true });
});

test("dynamicConfigFile holds the lines of the servers", () => {
  const folder = mkdtempSync(join(tmpdir(), "zookit-load-"));
  writeFileSync(join(folder, "myid"), "1");
  const file = join(folder, "zoo.cfg.dynamic");
  writeFileSync(file, "server.1=a:2888:3888:participant;2185\nserver.2=b:2888:3888:observer\n");
  const { config } = load(`dataDir=${folder}\ndynamicConfigFile=${file}\n`);
  assert.is(config.port, 2185);
  assert.match(config.ensemble.membership ?? "", /server\.2=b:2888:3888:observer/);
  assert.match(findingsOf(() => load("dynamicConfigFile=nowhere"))[0] ?? "", /ENOENT/);
  rmSync(folder, { recursive: true });
});

test("a single server line is a server that stands alone, and may name its client port", () => {
  const placeOf = (text: string): unknown => {
    const { config, warnings } = load(text);
    return [config.host, config.port, warnings.length];
  };
  const line = "server.1=localhost:2888:3888";
  assert.equal(placeOf(line), [undefined, 2181, 0]);
  assert.equal(placeOf(`${line}:participant;2182`), [undefined, 2182, 0]);
  assert.equal(placeOf(`${line};127.0.0.1:2183;2281`), ["127.0.0.1", 2183, 0]);
  assert.equal(placeOf(`${line};[::1]:2184`), ["::1", 2184, 0]);
  assert.equal(placeOf(`${line};2185\nclientPort=2185`), [undefined, 2185, 0]);
  const both = load(`${line};2185\nclientPort=2186`);
  assert.is(both.config.port, 2186);
  assert.match(both.warnings.join(), /server\.1 says client port 2185, but clientPort=2186 counts/);
});

test("one line that would be two servers, but for its comma, does not stand alone", () => {
  const text = "server.1=a:2888:3888,server.2=b:2888:3888";
  assert.match(findingsOf(() => load(text)).join(), /must be host:quorumPort:electionPort/);
});

test("of a key that stands twice the last counts, and its author is told, but no value", () => {
  const { config, warnings } = load("tickTime=1000\ndataDir=d\ntickTime=2000\ndataDir=d\n");
  assert.is(config.options.tickTimeMs, 2000);
  assert.is(warnings.length, 1);
  assert.match(warnings[0] ?? "", /zoo\.cfg:3: tickTime stands in .*zoo\.cfg:1 too; this line/);
});

test("a byte order mark and line ends of Windows change nothing", () => {
  const { config, warnings } = load("\ufeff# made on Windows\r\ntickTime=2000\r\n");
  assert.equal([config.options.tickTimeMs, warnings.length], [2000, 0]);
});

test("sessionRequireClientSASLAuth enforces sasl, and is refused where nobody could log in", () => {
  const schemes = (text: string): unknown => load(text).config.options.enforceAuthSchemes;
  const users = "SASLAuthenticationProvider.superPassword=secret\n";
  assert.equal(schemes(`${users}sessionRequireClientSASLAuth=true`), ["sasl"]);
  assert.is(schemes(`${users}sessionRequireClientSASLAuth=false`), undefined);
  for (const rule of [
    "sessionRequireClientSASLAuth=true",
    "enforce.auth.enabled=true\nenforce.auth.schemes=sasl",
  ]) {
    assert.match(findingsOf(() => load(rule)).join(), "java.security.auth.login.config");
  }
});

test("users of SASL come from the login configuration that Java would be given", () => {
  const folder = mkdtempSync(join(tmpdir(), "zookit-"));
  const file = join(folder, "jaas.conf");
  const module = "org.apache.zookeeper.server.auth.DigestLoginModule";
  writeFileSync(file, `Server { ${module} required user_ann="secret"; };`);
  const env = { SERVER_JVMFLAGS: `-Djava.security.auth.login.config=${file}` };
  const superUsers = "superUser=ann\nsuperUser.1=bob\n";
  const definitions = ["zookeeper.superUser=carl"];
  const { sasl } = load(superUsers, { env, definitions }).config;
  assert.equal(sasl.users, { ann: "secret" });
  assert.equal([...sasl.superUsers.values()], ["carl", "bob"]);
  const other = findingsOf(() => load("sasl.serverconfig=Other", { env }));
  assert.match(other.join(), "no section Other");
  rmSync(folder, { recursive: true });
  assert.match(findingsOf(() => load("", { env })).join(), "ENOENT");
});

test("enforce.auth.schemes counts only where the rule is on, and must then name some", () => {
  const schemes = (text: string): unknown => load(text).config.options.enforceAuthSchemes;
  assert.is(schemes("enforce.auth.schemes=digest"), undefined);
  assert.equal(schemes("enforce.auth.schemes=digest,ip\nenforce.auth.enabled=true"), [
    "digest",
    "ip",
  ]);
  assert.is(findingsOf(() => load("enforce.auth.enabled=true")).length, 1);
});

test("a metrics provider is Prometheus or Apache's default", () => {
  const provider = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider";
  const { config } = load(`metricsProvider.className=${provider}\nmetricsProvider.httpPort=0`);
  assert.equal(config.metrics, { enabled: true, host: undefined, port: 0, processMetrics: true });
  assert.is(findingsOf(() => load("metricsProvider.className=com.example.Mine")).length, 1);
});

test("a file that cannot be read is named", () => {
  const findings = findingsOf(() => loadConfig({ file: "no-such-folder/zoo.cfg" }));
  assert.match(findings.join(), /no-such-folder\/zoo\.cfg: ENOENT/);
});

test("throttles are set key by key, the rest as Apache has it", () => {
  const { config } = load(
    "connection_throttle_tokens=100\nconnection_throttle_drop_increase=.5\n" +
      "connection_throttle_weight_enabled=true\nrequest_throttle_max_requests=9\n" +
      "throttled_op_wait_time=70\nlargeRequestThreshold=0\nlargeRequestMaxBytes=7\n",
  );
  assert.equal(config.options, {
    connectionThrottle: {
      ...CONNECTION_THROTTLE,
      tokens: 100,
      dropIncrease: 0.5,
      isWeighed: true,
    },
    requestThrottle: { ...REQUEST_THROTTLE, maxRequests: 9, waitMsMax: 70 },
    largeRequestBytes: -1,
    largeRequestBytesMax: 7,
  });
  const findings = findingsOf(() => load("connection_throttle_decrease_ratio=1.5\n"));
  assert.match(findings[0] ?? "", /must be a number from 0 to 1$/);
});

test("the origin of settings is kept for operators, without passwords", () => {
  const { origin } = load("tickTime=10\nssl.keyStore.password = secret\n", {
    definitions: ["zookeeper.DigestAuthenticationProvider.superDigest=super:secret="],
  });
  assert.is(origin.text, "tickTime=10\nssl.keyStore.password =(hidden)\n");
  assert.equal(origin.properties, {
    "zookeeper.tickTime": "10",
    "zookeeper.ssl.keyStore.password": "(hidden)",
    "zookeeper.DigestAuthenticationProvider.superDigest": "(hidden)",
  });
});

test.run();
