/** Our client on Apache's server. */
import { runClientCases } from "./client_cases.ts";

await runClientCases("apache");
