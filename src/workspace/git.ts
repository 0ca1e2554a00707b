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
  /** Further arguments of the ssh that git starts: letters, digits and `-._:[]=` only. */
  sshArguments?: readonly string[];
  /** Exit statuses that are answers; others throw. Default: 0. */
  answers?: readonly number[];
  /** Of stdout at most so many bytes are read; git is ended there. */
  maxOutputBytes?: number;
  /** Files are made with all permissions git would give (umask 0). */
  openPermissions?: boolean;
  /** Where the system knows such limits, git is ended by it when it wants more: it reads what others made. */
  limits?: { memoryBytes: number; cpuSeconds: number };
}

export interface GitAnswer {
  status: number;
  stdout: Buffer;
}

/**
 * Runs git. Throws GIT_MISSING, GIT_NOT_A_REPOSITORY, GIT_REF_NOT_FOUND, GIT_URL_REFUSED, DISK_FULL or GIT_FAILED with
 * git's own words; when `signal` aborts, git is ended and the signal's reason thrown.
 */
export interface Git {
  (call: GitCall, signal: AbortSignal): Promise<GitAnswer>;
  /** The same with stdout as it comes; git is ended when the reader leaves. What git fails with is thrown at the end. */
  stream(
    call: Omit<GitCall, "maxOutputBytes">,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined>;
}

const STDERR_KEPT_BYTES = 64 * 1024;

/** The only place that starts git. `inherited` is the user's environment, of which little is passed on. */
export function createGit(inherited: Environment): Git {
  return Object.assign((call: GitCall, signal: AbortSignal) => runGit(inherited, call, signal), {
    stream: (call: GitCall, signal: AbortSignal) => streamGit(inherited, call, signal),
  });
}

async function runGit(inherited: Environment, call: GitCall, signal: AbortSignal): Promise<GitAnswer> {
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
    if (!cutOff) checkStatus(call, status, stderr);
    return { status, stdout };
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function* streamGit(
  inherited: Environment,
  call: GitCall,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal.throwIfAborted();
  const child = spawnGit(inherited, call);
  const abort = () => endGroup(child.pid);
  signal.addEventListener("abort", abort, { once: true });
  try {
    const stderr = readUpTo(child.stderr, STDERR_KEPT_BYTES, () => {});
    yield* child.stdout;
    const status = await child.exited;
    signal.throwIfAborted();
    checkStatus(call, status, await stderr);
  } finally {
    signal.removeEventListener("abort", abort);
    if (child.exitCode === null && child.signalCode === null) abort();
    await child.exited;
  }
}

function checkStatus(call: GitCall, status: number, stderr: Buffer): void {
  if (!(call.answers ?? [0]).includes(status))
    throw gitFailure(call.args[0] ?? "", status, stderr.toString("utf8"));
}

function spawnGit(inherited: Environment, call: GitCall) {
  const settings = [...SAFE_SETTINGS, ...(call.settings ?? [])];
  const command = ["git", "--no-pager", ...settings.flatMap(([key, value]) => ["-c", `${key}=${value}`])];
  try {
    return Bun.spawn([...preparation(call), ...command, ...call.args], {
      cwd: call.cwd,
      env: {
        ...gitEnvironment(inherited, call.protocols ?? [], call.sshArguments ?? []),
        ...call.environment,
      },
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

/** A shell that sets what a process can only set for itself, where the call asks for it. */
function preparation({ openPermissions, limits }: GitCall): string[] {
  const steps: string[] = [];
  if (openPermissions === true) steps.push("umask 000");
  if (limits !== undefined) {
    steps.push(`{ ulimit -v ${Math.ceil(limits.memoryBytes / 1024)} 2>/dev/null || :; }`);
    steps.push(`{ ulimit -t ${limits.cpuSeconds} 2>/dev/null || :; }`);
  }
  return steps.length === 0 ? [] : ["/bin/sh", "-c", `${steps.join(" && ")} && exec "$@"`, "git"];
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
