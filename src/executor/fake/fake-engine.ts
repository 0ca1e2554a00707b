import type { AttemptSpec } from "../../run/executor.ts";

/** One job as the fake engine holds it: what a container is to Docker. It outlives the executor that started it. */
export interface FakeContainer {
  spec: AttemptSpec;
  output: Uint8Array[];
  files: Map<string, string>;
  /** How often its script was begun: more than once is a broken promise. */
  starts: number;
  exit: number | null;
  onChange: Set<() => void>;
  terminate: (how: "term" | "kill") => void;
  done: Promise<void>;
}

/** What a job of a test does, beyond the few commands that the fake understands. Returns the exit code. */
export type FakeProgram = (io: FakeIo) => Promise<number>;

export interface FakeIo {
  print(text: string): void;
  write(path: string, text: string): void;
  /** Of the workspace: what was written, else from the layers. */
  read(path: string): string | undefined;
  environment: Record<string, string>;
  /** Aborted with `term` or `kill`. */
  signal: AbortSignal;
}

/** The world in which fake containers live: shared by executors, so that one can adopt what another has left. */
export class FakeEngine {
  readonly containers = new Map<string, FakeContainer>();
  readonly programs: Map<string, FakeProgram>;
  /** Resolves after that many milliseconds of the test's clock, or when aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Names of the jobs in the order they were started. */
  readonly started: string[] = [];
  /** Highest number of jobs that ran at the same time. */
  peak = 0;
  /** Nothing can be started. */
  isAway = false;
  #running = 0;

  constructor(
    options: {
      programs?: Record<string, FakeProgram>;
      sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
    } = {},
  ) {
    this.programs = new Map(Object.entries(options.programs ?? {}));
    this.sleep = options.sleep ?? realSleep;
  }

  begin(container: FakeContainer): void {
    container.starts += 1;
    this.started.push(container.spec.job.name);
    this.#running += 1;
    this.peak = Math.max(this.peak, this.#running);
  }

  end(container: FakeContainer, exit: number): void {
    this.#running -= 1;
    container.exit = exit;
    for (const changed of [...container.onChange]) changed();
  }
}

function realSleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
