/** Our client on our server: the same cases as on Apache's. */
import { runClientCases } from "./client_cases.ts";

await runClientCases("zookit");
