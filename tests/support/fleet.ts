import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { instanceOf, workspaceDirOf } from "../../src/config/instance.ts";
import { makeStateDir } from "../../src/config/state-dir.ts";
import { createShellExecutor } from "../../src/executor/shell/shell-executor.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { type RunRecord, TERMINAL_RUN_STATUSES } from "../../src/run/records.ts";
import type { NewRun, RunDetail, Store } from "../../src/run/store.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { NAME_LENGTH } from "../../src/workspace/state-directory.ts";
import { binary } from "./binary.ts";
import { eventually } from "./eventually.ts";
import { newRun, plannedJob, planOf } from "./plans.ts";
import { type OwnServer, startServer } from "./postgres.ts";
import { removeDockerObjects } from "./sandbox.ts";

/** A PostgreSQL server of its own, and processes of the compiled executable at work on its queue. */
export class Fleet implements AsyncDisposable {
  readonly database: OwnServer;
  /** The test's own view. */
  readonly store: Store;
  readonly #directory: string;
  readonly #binary: string;
  readonly #members = new Set<Member>();
  #runs = 0;

  private constructor(database: OwnServer, store: Store, directory: string, path: string) {
    this.database = database;
    this.store = store;
    this.#directory = directory;
    this.#binary = path;
  }

  static async open(): Promise<Fleet> {
    const [path, database] = await Promise.all([binary(), startServer()]);
    const directory = await mkdtemp(join(tmpdir(), "cicd-fleet-"));
    const store = await openPostgresStore({ url: database.url, maxConnections: 3 });
    const fleet = new Fleet(database, store, directory, path);
    return fleet;
  }

  /** The runs' files, where processes that know the database by this address look for them. */
  #placeSnapshot(url: string): void {
    makeStateDir(this.stateDir);
    const root = workspaceDirOf(this.stateDir, { kind: "postgres", url });
    const snapshot = join(root, "s", planlessRun().source.tree.slice(0, NAME_LENGTH));
    mkdirSync(snapshot, { recursive: true });
    writeFileSync(join(snapshot, "file"), "of the tree\n");
  }

  /** Of every member. */
  get stateDir(): string {
    return join(this.#directory, "state");
  }

  /** Starts `cicd worker` under this name. */
  worker(
    name: string,
    options: { jobs?: number; database?: string; executor?: "shell" | "docker"; args?: string[] } = {},
  ): Member {
    const { jobs = 4, database = this.database.url, executor = "shell", args = [] } = options;
    const settings = ["--json", "--executor", executor, "--name", name, "--jobs", String(jobs)];
    return this.start(["worker", ...settings, ...args], database);
  }

  /** Starts `cicd serve` at any free port, its worker under this name. */
  server(name: string, options: { jobs?: number } = {}): Member {
    const { jobs = 4 } = options;
    const settings = ["--json", "--executor", "shell", "--name", name, "--jobs", String(jobs)];
    return this.start(["serve", "--listen", "127.0.0.1:0", ...settings]);
  }

  start(args: string[], database = this.database.url): Member {
    this.#placeSnapshot(database);
    const child = Bun.spawn([this.#binary, ...args], {
      cwd: this.#directory,
      env: {
        PATH: process.env.PATH ?? "",
        HOME: this.#directory,
        CICD_STATE_DIR: this.stateDir,
        CICD_DATABASE_URL: database,
      },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    const member = new Member(child);
    this.#members.add(member);
    return member;
  }

  /** Records a run for the queue. */
  run(plan: Plan, change: Partial<NewRun> = {}): Promise<RunRecord> {
    this.#runs += 1;
    return this.store.createRun(newRun(`run${this.#runs}`, plan, { executor: "shell", ...change }));
  }

  async detail(runId: string): Promise<RunDetail> {
    return (await this.store.readRun(runId))!;
  }

  /** Waits until the run has ended. */
  async ended(runId: string, deadlineMs = 60_000): Promise<RunDetail> {
    await eventually(async () => TERMINAL_RUN_STATUSES.has((await this.detail(runId)).run.status), {
      withinMs: deadlineMs,
      everyMs: 50,
    });
    return this.detail(runId);
  }

  /** The whole log of a job's newest attempt, or of another one. */
  async log(runId: string, index = 0, attempt?: number): Promise<string> {
    const job = (await this.detail(runId)).jobs[index]!;
    const at = { jobId: job.id, attempt: attempt ?? job.attempt, offset: 0, maxBytes: 50_000_000 };
    return new TextDecoder().decode((await this.store.readLog(at)).bytes);
  }

  /** Waits until the job has printed the line of this number. */
  async hasPrinted(runId: string, line: number, index = 0): Promise<void> {
    await eventually(async () => (await this.log(runId, index)).includes(`line ${line}\n`), {
      withinMs: 30_000,
      everyMs: 50,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.#members) member.kill("SIGKILL");
    await Promise.all([...this.#members].map(({ exited }) => exited));
    await this.store[Symbol.asyncDispose]();
    const instance = instanceOf(this.stateDir, { kind: "postgres", url: this.database.url });
    await using executor = createShellExecutor({ instance, stateDir: this.stateDir, environment: {} });
    await executor.sweep(async () => false);
    await removeDockerObjects(instance);
    await this.database[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** A process of the fleet and what it has said. */
export class Member {
  readonly said: { event: string; [field: string]: unknown }[] = [];
  readonly exited: Promise<number>;
  readonly #child: Subprocess<"ignore", "ignore", "pipe">;

  constructor(child: Subprocess<"ignore", "ignore", "pipe">) {
    this.#child = child;
    this.exited = Promise.all([child.exited, this.#listen()]).then(([status]) => status);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits until it has said so. */
  async says(event: string, deadlineMs = 20_000): Promise<void> {
    await eventually(() => this.said.some((line) => line.event === event), { withinMs: deadlineMs });
  }

  async #listen(): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stderr) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.said.push(JSON.parse(line));
    }
  }
}

/** A job that prints numbered lines at a steady rate, so that what is lost or doubled is seen. */
export function countingJob(name: string, lines: number, pauseS: number, change: object = {}) {
  const loop = `i=1; while [ $i -le ${lines} ]; do echo "line $i"; i=$((i+1)); sleep ${pauseS}; done`;
  return plannedJob(name, { image: null, script: [loop], ...change });
}

export function countingPlan(lines: number, pauseS: number, change: object = {}): Plan {
  return planOf([countingJob("count", lines, pauseS, change)]);
}

/** What a counting job printed after the echo of its command. */
export function countedPart(log: string): string {
  return log.slice(log.indexOf("line 1\n"));
}

/** What a counting job prints, or its first `lines` lines. */
export function counted(lines: number): string {
  return Array.from({ length: lines }, (_, index) => `line ${index + 1}\n`).join("");
}

function planlessRun(): NewRun {
  return newRun("none", planOf([]));
}
