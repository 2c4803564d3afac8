/** A server on Apache's files, in a process of its own: `apache_main.ts ZOO_CFG`. */
import { composePlugins } from "../../cli/compose.ts";
import { loadConfig } from "../../cli/config/load.ts";
import { createServer } from "../../mod.ts";
import { apacheStorage } from "../../storage/apache/mod.ts";

const { config } = loadConfig({ file: process.argv[2], env: {} });
const { dataDir = "", options } = config;
const plugins = await composePlugins({ ...config, dataDir: undefined }, "info");
const server = createServer({
  ...options,
  plugins: [
    ...plugins.filter(({ name }) => name !== "storage-memory"),
    apacheStorage({ dataDir, snapRetainCount: 2 }),
  ],
});
server.state.subscribe({
  error: (error: { readonly kind?: string }) => {
    console.error(error.kind, error);
    process.exit(3);
  },
});
await server.start();
console.log(`zookit ready on ${server.addresses.join(", ")} (data in ${dataDir})`);
