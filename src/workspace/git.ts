import { CicdError } from "../errors/cicd-error.ts";
import { type Environment, gitEnvironment, SAFE_SETTINGS } from "./git-environment.ts";
import { gitFailure } from "./git-failure.ts";
import { hasErrno } from "./io-error.ts";

/** One git process. `args` begin with the subcommand; nothing is ever put through a shell. */
export interface GitCall {
  args: readonly string[];
  cwd: string;
  /** On top of the cleaned environment: `GIT_DIR`, `GIT_INDEX_FILE` and the like. */
  environment?: Record<string, string>;
  /** On top of `SAFE_SETTINGS`. */
  settings?: readonly (readonly [string, string])[];
  input?: Uint8Array | string;
  /** Protocols git may use; none when absent. */
  protocols?: readonly string[];
  /** Exit statuses that are answers; others throw. Default: 0. */
  answers?: readonly number[];
  /** Of stdout at most so many bytes are read; git is ended there. */
  maxOutputBytes?: number;
  /** Files are made with all permissions git would give (umask 0). */
  openPermissions?: boolean;
}

export interface GitAnswer {
  status: number;
  stdout: Buffer;
}

/**
 * Runs git. Throws GIT_MISSING, GIT_NOT_A_REPOSITORY, GIT_REF_NOT_FOUND, GIT_URL_REFUSED, DISK_FULL or GIT_FAILED with
 * git's own words; when `signal` aborts, git is ended and the signal's reason thrown.
 */
export type Git = (call: GitCall, signal: AbortSignal) => Promise<GitAnswer>;

const STDERR_KEPT_BYTES = 64 * 1024;

/** The only place that starts git. `inherited` is the user's environment, of which little is passed on. */
export function createGit(inherited: Environment): Git {
  return async (call, signal) => {
    signal.throwIfAborted();
    const child = spawnGit(inherited, call);
    const abort = () => endGroup(child.pid);
    signal.addEventListener("abort", abort, { once: true });
    try {
      const [stdout, stderr, status] = await Promise.all([
        readUpTo(child.stdout, call.maxOutputBytes ?? Number.POSITIVE_INFINITY, abort),
        readUpTo(child.stderr, STDERR_KEPT_BYTES, () => {}),
        child.exited,
      ]);
      signal.throwIfAborted();
      const cutOff = stdout.length >= (call.maxOutputBytes ?? Number.POSITIVE_INFINITY);
      if (!cutOff && !(call.answers ?? [0]).includes(status))
        throw gitFailure(call.args[0] ?? "", status, stderr.toString("utf8"));
      return { status, stdout };
    } finally {
      signal.removeEventListener("abort", abort);
    }
  };
}

function spawnGit(inherited: Environment, call: GitCall) {
  const settings = [...SAFE_SETTINGS, ...(call.settings ?? [])];
  const command = ["git", "--no-pager", ...settings.flatMap(([key, value]) => ["-c", `${key}=${value}`])];
  const umask = call.openPermissions === true ? ["/bin/sh", "-c", 'umask 000 && exec "$@"', "git"] : [];
  try {
    return Bun.spawn([...umask, ...command, ...call.args], {
      cwd: call.cwd,
      env: { ...gitEnvironment(inherited, call.protocols ?? []), ...call.environment },
      stdin: call.input === undefined ? "ignore" : Buffer.from(call.input),
      stdout: "pipe",
      stderr: "pipe",
      // A session of its own: ssh finds no terminal to ask at, and both can be ended together.
      detached: true,
    });
  } catch (error) {
    if (!hasErrno(error, "ENOENT", "EACCES")) throw error;
    throw new CicdError("GIT_MISSING", "The git program was not found.", {
      hint: "Install git 2.31 or newer and see that it is on the PATH.",
      cause: error,
    });
  }
}

/** Ends git and what it started (ssh, remote helpers), which would keep its pipes open. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGTERM");
  } catch (error) {
    if (!hasErrno(error, "ESRCH")) throw error;
  }
}

/** At most `limit` bytes of a stream; what lies beyond is passed over after `onLimit` was called once. */
async function readUpTo(
  stream: ReadableStream<Uint8Array>,
  limit: number,
  onLimit: () => void,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let kept = 0;
  for await (const chunk of stream) {
    if (kept >= limit) continue;
    chunks.push(chunk.subarray(0, limit - kept));
    kept += Math.min(chunk.length, limit - kept);
    if (kept >= limit) onLimit();
  }
  return Buffer.concat(chunks);
}

/** Lines or records of git's output, each ended by `separator`; bytes are kept as they are (one character per byte). */
export function records(stdout: Buffer, separator: "\n" | "\0"): string[] {
  const text = stdout.toString("latin1");
  if (text === "") return [];
  return (text.endsWith(separator) ? text.slice(0, -1) : text).split(separator);
}
