import type { ExecutorKind } from "../app/app.ts";
import { CicdError } from "../errors/cicd-error.ts";
import type { CommandContext } from "./command.ts";
import type { FlagDefs } from "./flags.ts";
import type { Output } from "./output.ts";

const SHELL_HINT = "start Docker, or run on this machine without containers: --executor shell";

/**
 * Does something with the executor that was chosen by flag, environment or file; without a choice with Docker, and, where
 * that cannot be reached and the user at the terminal agrees, once more with the shell. A DOCKER_UNREACHABLE that is
 * thrown names that way out.
 */
export async function withExecutor<T>(
  { config, output }: Pick<CommandContext<FlagDefs>, "config" | "output">,
  use: (executor: ExecutorKind) => Promise<T>,
): Promise<T> {
  try {
    return await use(config.executor ?? "docker");
  } catch (error) {
    if (!(error instanceof CicdError) || error.code !== "DOCKER_UNREACHABLE") throw error;
    const mayAsk = !output.json && process.stdin.isTTY && output.isTerminal.stderr;
    if (config.executor === undefined && mayAsk) {
      output.warn(`${error.message} [${error.code}]`);
      if (await ask(output, "Run on this machine without containers instead?")) return await use("shell");
    }
    throw new CicdError(error.code, error.message, { hint: SHELL_HINT, cause: error });
  }
}

/** A question to the terminal; everything but y and yes is no. */
async function ask(output: Output, question: string): Promise<boolean> {
  await output.err(`${question} [y/N] `);
  for await (const line of console) return /^y(es)?$/i.test(line.trim());
  return false;
}
