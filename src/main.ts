import { writeSync } from "node:fs";
import { version } from "../package.json";

// The version is asked for by scripts, often: nothing else is loaded for it.
if (process.argv.length === 3 && process.argv[2] === "--version") printVersion();
else void start();

function printVersion(): void {
  try {
    writeSync(1, `cicd ${version}\n`);
  } catch {
    process.exitCode = 3;
  }
}

/** Composes config → adapters → app → cli, and ends the process with the command's exit status. */
async function start(): Promise<void> {
  // What the runtime says about libraries (deprecations and the like) helps no user.
  if (!isVerbose()) process.removeAllListeners("warning");
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
  const [{ runProgram }, { composeHost }] = await Promise.all([
    import("./cli/program.ts"),
    import("./compose-host.ts"),
  ]);
  process.exit(await runProgram(process.argv.slice(2), composeHost(version)));
}

/** What slipped through everywhere: one line, no stack. What still runs is swept by the next cicd. */
function crash(error: unknown): void {
  const message = error instanceof Error ? (isVerbose() ? error.stack : error.message) : error;
  writeSync(2, `cicd: ${message} [INTERNAL]\n`);
  process.exit(3);
}

function isVerbose(): boolean {
  return process.argv.includes("--verbose") || process.argv.includes("-v");
}
