import { CONTAINER_VARIABLES } from "./container_env.ts";
import { CONFIG_KEYS } from "./keys.ts";
import { NOT_APPLICABLE, type OtherKeys, REFUSED } from "./other_keys.ts";

/** The manual of the configuration as Markdown, made from the tables that the reader uses. */
export function manual(): string {
  return `${INTRODUCTION}
## Keys
${CONFIG_KEYS.map(topicSection).join("")}
## Keys without effect

A server names the ones it was given in one warning and goes on.

${otherTable(NOT_APPLICABLE)}
## Container image

The variables of Apache ZooKeeper's official container image mean here what they mean there: they
stand for the lines of a \`zoo.cfg\`, and count where none is given. As in the image, \`zoo.cfg\` in
the folder \`ZOO_CONF_DIR\` is such a file, and with any of them the server listens on all
addresses.

| variable | means |
|---|---|
${CONTAINER_VARIABLES.map(([name, key]) => `| \`${name}\` | \`${key}\` |\n`).join("")}\
| \`ZOO_SERVERS\` | \`server.N=…\` lines, parted by blanks |
| \`ZOO_CFG_EXTRA\` | any other lines, parted by blanks |
| \`ZOO_LOG4J_PROP\` | its first word is the level of messages: \`DEBUG,CONSOLE\` |
| \`ZOO_MY_ID\` | the number of this server, where \`dataDir\` has no file \`myid\` |

## Servers

\`server.N=host:quorumPort:electionPort[:role][;[host:]clientPort]\`, as in Apache ZooKeeper, with
\`group.N\` and \`weight.N\`. A single \`server.N\` line describes a server that stands alone.
Several are an ensemble: the file \`myid\` in \`dataDir\` says which of them this server is.

## Keys that are refused

${otherTable(REFUSED)}`;
}

const INTRODUCTION = `# Configuration

This page is made by \`zookit keys\` from the tables that the command reads; a test compares them.

\`zookit serve\` needs no configuration: it then keeps its data in \`./zookit-data\` and listens on
127.0.0.1:2181. Settings come from four places; where two disagree, the later one wins:

1. a \`zoo.cfg\`, given as the argument, in Java's properties syntax; without one, the \`ZOO_*\`
   variables of the environment ([below](#container-image));
2. \`-Dname=value\` in the environment variables \`SERVER_JVMFLAGS\`, then \`JVMFLAGS\`;
3. \`-Dname=value\` on the command line;
4. the command's own flags (\`zookit help serve\`).

The key \`k\` and the property \`zookeeper.k\` are one setting, whichever way it is written. Apache
ZooKeeper gives \`jute.maxbuffer\`, \`readonlymode.enabled\` and \`znode.container.*\` no prefix as
properties; both forms are taken. A value that breaks its rule ends the command with exit code 2; an
unknown key is reported with the nearest known one, and the server starts.
`;

function topicSection({ topic, keys }: (typeof CONFIG_KEYS)[number]): string {
  const rows = keys.map(({ name, help, rule, fallback }) => {
    return `| \`${name}\` | ${help} | ${rule} | ${fallback} |\n`;
  });
  const head = "| key | meaning | must be | default |\n|---|---|---|---|\n";
  return `\n### ${topic}\n\n${head}${rows.join("")}`;
}

function otherTable(lists: readonly OtherKeys[]): string {
  const rows = lists.map(({ reason, names }) => {
    return `| ${names.map((name) => `\`${name}\``).join(", ")} | ${reason} |\n`;
  });
  return `| keys | reason |\n|---|---|\n${rows.join("")}`;
}
