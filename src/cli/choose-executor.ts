import type { ExecutorKind } from "../app/app.ts";
import { CicdError } from "../errors/cicd-error.ts";
import type { CommandContext } from "./command.ts";
import type { FlagDefs } from "./flags.ts";

const SHELL_HINT = "start Docker, or run on this machine without containers: --executor shell";

/**
 * The executor that was asked for; otherwise Docker, or, where it cannot be reached and the user at the terminal agrees,
 * the shell. Throws DOCKER_UNREACHABLE with a hint before anything is recorded.
 */
export async function chooseExecutor(
  context: Pick<CommandContext<FlagDefs>, "app" | "config" | "output">,
): Promise<ExecutorKind> {
  const { app, config, output } = context;
  if (config.executor === "shell") return "shell";
  try {
    await app.executor("docker");
    return "docker";
  } catch (error) {
    if (!(error instanceof CicdError) || error.code !== "DOCKER_UNREACHABLE") throw error;
    const mayAsk =
      config.executor === undefined && !output.json && process.stdin.isTTY && output.isTerminal.stderr;
    if (mayAsk) {
      output.warn(`${error.message} [${error.code}]`);
      if (await ask(output, "Run on this machine without containers instead?")) return "shell";
    }
    throw new CicdError(error.code, error.message, { hint: SHELL_HINT, cause: error });
  }
}

/** A question to the terminal; everything but y and yes is no. */
async function ask(output: CommandContext<FlagDefs>["output"], question: string): Promise<boolean> {
  await output.err(`${question} [y/N] `);
  for await (const line of console) return /^y(es)?$/i.test(line.trim());
  return false;
}
