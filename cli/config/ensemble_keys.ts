import { type ConfigKey, key } from "./config_key.ts";
import { FLAG, oneOf, TEXT, whole } from "./values.ts";

const INT_MAX = 0x7fff_ffff;

/** What a member of an ensemble needs to know. */
export interface EnsembleConfig {
  /** `server.N`, `group.N` and `weight.N` lines; undefined for a server that stands alone. */
  membership: string | undefined;
  initLimit: number;
  syncLimit: number;
  peerType: "participant" | "observer" | undefined;
  /** Whether a single `server.N` line is a server that stands alone. */
  standaloneEnabled: boolean;
  commitLogCount: number;
  /** Whether clients may change the members. */
  reconfigEnabled: boolean;
  /** File with the lines of {@link membership}; undefined where they stand among the others. */
  dynamicConfigFile: string | undefined;
}

/** What applies where nothing is said. */
export function defaultEnsemble(): EnsembleConfig {
  return {
    membership: undefined,
    initLimit: 10,
    syncLimit: 5,
    peerType: undefined,
    standaloneEnabled: true,
    commitLogCount: 500,
    reconfigEnabled: false,
    dynamicConfigFile: undefined,
  };
}

/** The keys that count in an ensemble. */
export const ENSEMBLE: readonly ConfigKey[] = [
  key("initLimit", whole(1, INT_MAX), (config, value) => (config.ensemble.initLimit = value), {
    help: "ticks in which a server connects to the leader and catches up with it",
    fallback: "10",
  }),
  key("syncLimit", whole(1, INT_MAX), (config, value) => (config.ensemble.syncLimit = value), {
    help: "ticks without a word after which leader and follower give each other up",
    fallback: "5",
  }),
  key(
    "peerType",
    oneOf("participant", "observer"),
    (config, value) => (config.ensemble.peerType = value),
    { help: "what this server is if no `server.N` line says it", fallback: "none: it takes part" },
  ),
  key("standaloneEnabled", FLAG, (config, value) => (config.ensemble.standaloneEnabled = value), {
    help: "whether a single `server.N` line is a server that stands alone; else an ensemble of one",
    fallback: "true",
  }),
  key(
    "commitLogCount",
    whole(500, INT_MAX),
    (config, value) => (config.ensemble.commitLogCount = value),
    { help: "transactions kept in memory for servers that lag", fallback: "500" },
  ),
  key(
    "reconfigEnabled",
    FLAG,
    ({ ensemble, options }, value) => {
      ensemble.reconfigEnabled = value;
      options.reconfigEnabled = value;
    },
    {
      help: "whether clients may change the members; needs a zoo.cfg, which is written then",
      fallback: "false",
    },
  ),
  key("dynamicConfigFile", TEXT, (config, value) => (config.ensemble.dynamicConfigFile = value), {
    help: "file with the `server.N`, `group.N` and `weight.N` lines, their version in its name",
    fallback: "they stand in the zoo.cfg",
  }),
];
