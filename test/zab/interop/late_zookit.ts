/** A Zookit server with this zoo.cfg whose epochs begin shortly before the end of their zxids. */
import { composePlugins } from "../../../cli/compose.ts";
import { loadConfig } from "../../../cli/config/load.ts";
import { createServer } from "../../../mod.ts";
import { ZabCore, zab } from "../../../plugins/zab/mod.ts";
import { INITIAL_COUNTER } from "./rollover.ts";

const { config } = loadConfig({ file: process.argv[2] });
const { membership = "", dynamicConfigFile: _, ...settings } = config.ensemble;
const late = zab({
  ...settings,
  membership,
  serverId: config.options.serverId ?? 0,
  makeCore: (options, tracking) => {
    return new ZabCore({ ...options, initialCounter: INITIAL_COUNTER }, tracking);
  },
});
const usual = await composePlugins(config, "info");
const plugins = usual.map((plugin) => (plugin.name === late.name ? late : plugin));
const server = createServer({ plugins, ...config.options });
process.once("SIGTERM", () => server.stop());
await server.start();
