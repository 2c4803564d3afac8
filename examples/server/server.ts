import { createServer, essentials, sqliteStorage, tcpTransport } from "../../mod.ts";

const server = createServer({
  plugins: [
    ...essentials(),
    sqliteStorage({ path: process.env["ZOOKIT_DATA"] ?? "./zookit-data" }),
    tcpTransport({ host: "127.0.0.1", port: Number(process.env["ZOOKIT_PORT"] ?? 2181) }),
  ],
});
process.once("SIGTERM", () => server.stop());
await server.start();
console.log(`ready on ${server.addresses.join(", ")}`);
