/** Makes `dist/`, which is what the published package holds. */
import { bundleCommand, compile } from "./compile.ts";

process.exitCode = await compile("dist");
if (process.exitCode === 0) await bundleCommand("dist");
