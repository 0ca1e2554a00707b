import { orAbort } from "../attempt/or-abort.ts";

/** What a credential helper knows of a registry. A `username` of `<token>` says that the secret is an identity token. */
export interface HelperAnswer {
  username: string;
  secret: string;
}

/** Why a helper gave no answer, for people; never holds what the helper printed. */
export class HelperFailure extends Error {}

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

/** The words by which every helper says that it knows nothing of a registry. */
const NOT_FOUND = "credentials not found in native keychain";

/**
 * Runs `docker-credential-NAME get`: the registry goes to its stdin, JSON comes from its stdout; its stderr is dropped.
 * `environment` is the helper's, and its PATH finds the helper. Undefined: the helper has no credentials for this
 * registry. Throws HelperFailure, and the signal's reason when aborted; a helper that still runs is ended.
 * https://github.com/docker/docker-credential-helpers#development
 */
export async function askHelper(
  name: string,
  registry: string,
  environment: Record<string, string | undefined>,
  signal: AbortSignal,
): Promise<HelperAnswer | undefined> {
  const command = `docker-credential-${name}`;
  const program = Bun.which(command, { PATH: environment.PATH ?? "" });
  if (program === null) throw new HelperFailure(`${command} is not on the PATH`);
  signal.throwIfAborted();
  const { stdout, status } = await run(command, program, registry, environment, signal);
  if (status !== 0 && stdout.trim() === NOT_FOUND) return undefined;
  if (status !== 0) throw new HelperFailure(`${command} failed with exit status ${status}`);
  return readAnswer(command, stdout);
}

async function run(
  command: string,
  program: string,
  registry: string,
  environment: Record<string, string | undefined>,
  signal: AbortSignal,
): Promise<{ stdout: string; status: number }> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const child = spawn(command, program, registry, environment);
  try {
    const answer = Promise.all([child.stdout.text(), child.exited]);
    const [stdout, status] = await orAbort(answer, AbortSignal.any([signal, timeout]));
    return { stdout, status };
  } catch (error) {
    endGroup(child.pid);
    if (signal.aborted || !timeout.aborted) throw error;
    throw new HelperFailure(`${command} did not answer within ${TIMEOUT_MS / 1000} seconds`);
  }
}

function spawn(
  command: string,
  program: string,
  registry: string,
  environment: Record<string, string | undefined>,
) {
  try {
    return Bun.spawn([program, "get"], {
      env: environment,
      stdin: Buffer.from(registry),
      stdout: "pipe",
      stderr: "ignore",
      maxBuffer: MAX_ANSWER_BYTES,
      // A session of its own: the helper finds no terminal to ask at, and what it started can be ended with it.
      detached: true,
    });
  } catch {
    throw new HelperFailure(`${command} could not be started`);
  }
}

/** The helper and what it started. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // All of it has ended.
  }
}

function readAnswer(command: string, stdout: string): HelperAnswer {
  try {
    const { Username: username, Secret: secret } = JSON.parse(stdout);
    if (typeof username === "string" && typeof secret === "string") return { username, secret };
  } catch {
    // The parser's words would quote the answer.
  }
  throw new HelperFailure(`${command} gave an answer that is not understood`);
}
