import type { CicdCommand } from "./command.ts";

export interface CommandEntry {
  name: string;
  alias?: string;
  summary: string;
  /** Of cicd itself, not for users. */
  isHidden?: boolean;
  /** A command's code is loaded when it is called. */
  load(): Promise<{ default: CicdCommand }>;
}

// A command's flags are typed for its own `run`; the table holds them all.
const load = (module: Promise<{ default: unknown }>) => module as Promise<{ default: CicdCommand }>;

export const COMMANDS: CommandEntry[] = [
  {
    name: "run",
    summary: "runs pipelines on this machine and shows them live",
    load: () => load(import("./commands/run.ts")),
  },
  {
    name: "check",
    summary: "validates pipeline files and prints every problem at once",
    load: () => load(import("./commands/check.ts")),
  },
  {
    name: "dryrun",
    alias: "plan",
    summary: "prints what would run, in which order; starts nothing",
    load: () => load(import("./commands/dryrun.ts")),
  },
  {
    name: "cancel",
    summary: "kills what runs now and starts nothing more",
    load: () => load(import("./commands/cancel.ts")),
  },
  {
    name: "stop",
    summary: "lets the running jobs finish and starts nothing more",
    load: () => load(import("./commands/stop.ts")),
  },
  {
    name: "report",
    summary: "shows what happened: pipelines, runs, stages or jobs",
    load: () => load(import("./commands/report.ts")),
  },
  {
    name: "trace",
    summary: "shows where the time of a run went, and what made it so long",
    load: () => load(import("./commands/trace.ts")),
  },
  {
    name: "explain",
    summary: "says why a job runs, waits, was skipped or failed",
    load: () => load(import("./commands/explain.ts")),
  },
  {
    name: "logs",
    summary: "prints the log of a job, or of all jobs of a run",
    load: () => load(import("./commands/logs.ts")),
  },
  { name: "list", summary: "lists the newest runs", load: () => load(import("./commands/list.ts")) },
  {
    name: "retry",
    summary: "runs again what failed, inside the same run",
    load: () => load(import("./commands/retry.ts")),
  },
  {
    name: "play",
    summary: "starts manual jobs, and delayed ones at once",
    load: () => load(import("./commands/play.ts")),
  },
  {
    name: "artifacts",
    summary: "lists and fetches the artifacts of a run",
    load: () => load(import("./commands/artifacts.ts")),
  },
  {
    name: "init",
    summary: "writes a first pipeline that fits the repository",
    load: () => load(import("./commands/init.ts")),
  },
  {
    name: "doctor",
    summary: "checks git, Docker, database, disk and server, and says how to mend them",
    load: () => load(import("./commands/doctor.ts")),
  },
  {
    name: "gc",
    summary: "removes leftovers and what retention allows",
    load: () => load(import("./commands/gc.ts")),
  },
  {
    name: "schema",
    summary: "prints the JSON Schema of the pipeline file",
    load: () => load(import("./commands/schema.ts")),
  },
  {
    name: "serve",
    summary: "the team's server: API, queue, triggers and a worker",
    load: () => load(import("./commands/serve.ts")),
  },
  {
    name: "token",
    summary: "makes, lists and revokes the tokens of a server",
    load: () => load(import("./commands/token.ts")),
  },
  {
    name: "secret",
    summary: "keeps what jobs need and logs must not show",
    load: () => load(import("./commands/secret.ts")),
  },
  {
    name: "repo",
    summary: "registers repositories for webhooks and schedules",
    load: () => load(import("./commands/repo.ts")),
  },
  {
    name: "worker",
    summary: "runs jobs of a team's queue on this host",
    load: () => load(import("./commands/worker.ts")),
  },
  {
    name: "drive-detached",
    summary: "drives runs that another process has prepared",
    isHidden: true,
    load: () => load(import("./commands/drive-detached.ts")),
  },
];

export function findCommand(word: string): CommandEntry | undefined {
  return COMMANDS.find((entry) => entry.name === word || entry.alias === word);
}
