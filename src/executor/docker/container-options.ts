import type Dockerode from "dockerode";
import type { AttemptSpec } from "../../run/executor.ts";
import { CHOOSE_SHELL, loaderArguments, loaderText, MAX_INLINE_BYTES } from "../script/launcher.ts";
import { buildProgram } from "../script/program.ts";
import { attemptLabels } from "./labels.ts";

/** Where every job finds its files. */
export const WORKSPACE = "/workspace";
/** Where every job finds the files of its variables. */
export const FILES = "/.cicd-files";
/** Put into the container between the main script and `after_script`; its first line is CI_JOB_STATUS. */
export const AFTER_MARKER = "/.cicd-after";

const MAIN_FILE = "/.cicd-script";
const AFTER_FILE = "/.cicd-after-script";

/** What a job's container may use. `memoryBytes` and `cpus` undefined: no limit. */
export interface ResourceLimits {
  memoryBytes?: number;
  cpus?: number;
  /** Processes and threads. Default 4,096. */
  pids?: number;
}

/**
 * What package managers and build tools need as root inside their own container: Docker's default set without
 * NET_RAW (forged packets), MKNOD (device nodes) and AUDIT_WRITE.
 */
const CAPABILITIES = [
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
];

/** The launcher's arguments, and files to put into the container first where the script is too long for arguments. */
export interface Launch {
  arguments: string[];
  files: { name: string; mode: number; text: string }[];
}

export function planLaunch(spec: AttemptSpec): Launch {
  const launch = planPrograms(spec);
  return { ...launch, files: [...launch.files, ...variableFiles(spec)] };
}

/** For every container of the attempt: the variables hold their paths. */
export function variableFiles({ files }: Pick<AttemptSpec, "files">): Launch["files"] {
  if (files.length === 0) return [];
  const directory = FILES.slice(1);
  const all = files.map(({ name, text }) => ({ name: `${directory}/${name}`, mode: 0o444, text }));
  return [{ name: `${directory}/`, mode: 0o755, text: "" }, ...all];
}

function planPrograms(spec: AttemptSpec): Launch {
  const { preGetSources, beforeScript, script, afterScript } = spec.job;
  const main = buildProgram([...preGetSources, ...beforeScript, ...script]);
  const after = afterScript.length === 0 ? "" : buildProgram(afterScript);
  if (Buffer.byteLength(main) + Buffer.byteLength(after) + sizeOf(spec.environment) <= MAX_INLINE_BYTES) {
    return { arguments: loaderArguments(main, after), files: [] };
  }
  return {
    arguments: loaderArguments(`. ${MAIN_FILE}\n`, `. ${AFTER_FILE}\n`),
    files: [
      { name: MAIN_FILE.slice(1), mode: 0o644, text: main },
      { name: AFTER_FILE.slice(1), mode: 0o644, text: after },
    ],
  };
}

/** In bytes, as the kernel counts: each `NAME=value` with its terminator and a pointer to it. */
function sizeOf(environment: Record<string, string>): number {
  return Object.entries(environment).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value) + 2 + 8,
    0,
  );
}

/** The body of the request that makes the attempt's container. */
export function containerOptions(
  spec: AttemptSpec,
  launch: Launch,
  place: { image: string; networkMode: string; volume: string; limits: ResourceLimits },
): Dockerode.ContainerCreateOptions {
  return {
    Image: place.image,
    ...command(spec.job.image?.entrypoint, launch),
    // The engine's init passes signals on to the whole process group with this; the loader takes it out again.
    Env: [
      ...Object.entries(spec.environment).map(([name, value]) => `${name}=${value}`),
      "TINI_KILL_PROCESS_GROUP=1",
    ],
    WorkingDir: WORKSPACE,
    Labels: attemptLabels(spec.labels),
    ...(spec.job.image?.user && { User: spec.job.image.user }),
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      Init: true,
      ...confinement(place.limits),
      NetworkMode: place.networkMode,
      Mounts: [{ Type: "volume", Source: place.volume, Target: WORKSPACE, VolumeOptions: noCopy }],
      LogConfig: logConfig(spec.logLimitBytes),
    },
  };
}

/** What holds of every container of an attempt. */
export function confinement(limits: ResourceLimits): Dockerode.HostConfig {
  return {
    AutoRemove: false,
    Privileged: false,
    CapDrop: ["ALL"],
    CapAdd: CAPABILITIES,
    SecurityOpt: ["no-new-privileges"],
    PidsLimit: limits.pids ?? 4_096,
    ...(limits.memoryBytes && { Memory: limits.memoryBytes, MemorySwap: limits.memoryBytes }),
    ...(limits.cpus && { NanoCpus: Math.round(limits.cpus * 1e9) }),
  };
}

/** Without it the engine fills a new volume with what the image has at that path. */
const noCopy = { NoCopy: true } as Dockerode.MountSettings["VolumeOptions"];

/** As in GitLab: without an entrypoint of the pipeline (or with an empty one) ours; else theirs, with the shell as its arguments. */
function command(entrypoint: string[] | undefined, launch: Launch): { Entrypoint: string[]; Cmd: string[] } {
  const shell = ["sh", "-c", CHOOSE_SHELL];
  const rest = [loaderText(AFTER_MARKER), ...launch.arguments];
  const own = entrypoint === undefined || entrypoint.every((word) => word === "");
  return own ? { Entrypoint: shell, Cmd: rest } : { Entrypoint: entrypoint, Cmd: [...shell, ...rest] };
}

/**
 * The `local` driver keeps bytes as they are (json-file replaces what is not UTF-8). It spends up to 40 bytes on each
 * line of at least one byte; its single file is cut only beyond what the longest kept log can take.
 */
function logConfig(logLimitBytes: number): Dockerode.HostConfig["LogConfig"] {
  const bytes = logLimitBytes * 48 + 1_000_000;
  return { Type: "local", Config: { "max-size": String(bytes), "max-file": "1", compress: "false" } };
}
