import { writeSync } from "node:fs";
import { version } from "../package.json";

// The version is asked for by scripts, often: nothing else is loaded for it.
if (process.argv.length === 3 && process.argv[2] === "--version") writeSync(1, `cicd ${version}\n`);
else void start();

/** Composes config → adapters → app → cli, and ends the process with the command's exit status. */
async function start(): Promise<void> {
  const [{ runProgram }, { composeHost }] = await Promise.all([
    import("./cli/program.ts"),
    import("./compose-host.ts"),
  ]);
  process.exit(await runProgram(process.argv.slice(2), composeHost(version)));
}
