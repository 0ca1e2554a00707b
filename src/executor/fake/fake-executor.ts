import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pack } from "tar-stream";
import { CicdError } from "../../errors/cicd-error.ts";
import type {
  AttemptLabels,
  AttemptSpec,
  Execution,
  ExecutionResult,
  Executor,
  FileSelection,
  StopReason,
  SweepResult,
} from "../../run/executor.ts";
import type { FailureReason } from "../../run/records.ts";
import type { ArtifactSink } from "../../run/workspace.ts";
import { LEFTOVERS_GONE } from "../attempt/result.ts";
import { settledExecution } from "../attempt/settled-execution.ts";
import type { FakeContainer, FakeEngine } from "./fake-engine.ts";
import { fakeShell } from "./fake-shell.ts";

/** The executor contract over a `FakeEngine`: for the orchestrator's own tests, in which no real job need run. */
export class FakeExecutor implements Executor {
  readonly kind = "fake";
  readonly #engine: FakeEngine;
  readonly #instance: string;

  constructor(engine: FakeEngine, instance: string) {
    this.#engine = engine;
    this.#instance = instance;
  }

  async check(): Promise<void> {
    if (this.#engine.isAway) throw new CicdError("DOCKER_UNREACHABLE", "the engine is away");
  }

  projectDir(): string {
    return "/workspace";
  }

  filePath(_name: string, file: string): string {
    return `/files/${file}`;
  }

  async start(spec: AttemptSpec, signal: AbortSignal): Promise<Execution> {
    const existing = this.#engine.containers.get(spec.name);
    if (existing === undefined && signal.aborted)
      return new FakeExecution(this.#engine, canceledContainer(spec), signal);
    if (existing === undefined && spec.isUnderWay) return settledExecution(LEFTOVERS_GONE);
    const container = existing ?? this.#create(spec);
    return new FakeExecution(this.#engine, container, signal, spec);
  }

  async sweep(isLive: (labels: AttemptLabels) => Promise<boolean>): Promise<SweepResult> {
    let containers = 0;
    for (const [name, container] of this.#engine.containers) {
      const { labels } = container.spec;
      if (labels.instance !== this.#instance || (await isLive(labels))) continue;
      container.terminate("kill");
      this.#engine.containers.delete(name);
      containers += 1;
    }
    return { containers, networks: 0, volumes: 0, directories: 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #create(spec: AttemptSpec): FakeContainer {
    const abort = new AbortController();
    let killed: (code: number) => void = () => {};
    const onKill = new Promise<number>((resolve) => {
      killed = resolve;
    });
    const container: FakeContainer = {
      spec,
      output: [],
      files: new Map(),
      starts: 0,
      exit: null,
      onChange: new Set(),
      terminate: (how) => {
        if (!abort.signal.aborted) abort.abort(how);
        if (how === "kill") killed(137);
      },
      done: Promise.resolve(),
    };
    this.#engine.containers.set(spec.name, container);
    container.done = this.#run(container, abort.signal, onKill);
    return container;
  }

  async #run(container: FakeContainer, signal: AbortSignal, onKill: Promise<number>): Promise<void> {
    const { spec } = container;
    spec.onPhase("start");
    this.#engine.begin(container);
    const program =
      this.#engine.programs.get(spec.job.name) ??
      fakeShell(this.#engine, [...spec.job.preGetSources, ...spec.job.beforeScript, ...spec.job.script]);
    const running = program({
      print: (text) => {
        container.output.push(new TextEncoder().encode(text));
        for (const changed of [...container.onChange]) changed();
      },
      write: (path, text) => container.files.set(path, text),
      read: (path) => container.files.get(path) ?? readLayers(spec.layers, path),
      environment: spec.environment,
      signal,
    });
    this.#engine.end(container, await Promise.race([running, onKill]));
  }
}

class FakeExecution implements Execution {
  readonly logs: AsyncIterable<Uint8Array>;
  readonly result: Promise<ExecutionResult>;
  readonly #engine: FakeEngine;
  readonly #container: FakeContainer;
  #stopped: FailureReason | undefined;
  #detached = false;

  constructor(
    engine: FakeEngine,
    container: FakeContainer,
    signal: AbortSignal,
    spec: AttemptSpec = container.spec,
  ) {
    this.#engine = engine;
    this.#container = container;
    if (container.starts === 0) this.#stopped = "canceled";
    const over = new AbortController();
    const onAbort = () => this.#stop(signal.reason as StopReason, spec.graceMs);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    this.logs = this.#follow(spec.logOffset);
    this.result = this.#settle().finally(() => {
      over.abort();
      signal.removeEventListener("abort", onAbort);
    });
    void this.#limitTime(spec, over.signal);
  }

  kill(): void {
    this.#stopped ??= "canceled";
    this.#container.terminate("kill");
  }

  async collect(selection: FileSelection, sink: ArtifactSink) {
    const archive = pack();
    const globs = selection.paths.map((pattern) => ({
      pattern,
      glob: new Bun.Glob(pattern.replace(/\/$/, "/**")),
    }));
    const matched = new Set<string>();
    for (const [path, text] of this.#container.files) {
      const hits = globs.filter(({ pattern, glob }) => glob.match(path) || path.startsWith(`${pattern}/`));
      for (const { pattern } of hits) matched.add(pattern);
      const isMeant = hits.length > 0 || selection.isUntracked?.(path) === true;
      if (isMeant && !selection.exclude.some((pattern) => new Bun.Glob(pattern).match(path))) {
        archive.entry({ name: path }, text);
      }
    }
    archive.finalize();
    await sink.addTar(archive as AsyncIterable<Uint8Array>, { toPath: (name) => name, accept: () => true });
    return { unmatched: selection.paths.filter((pattern) => !matched.has(pattern)) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#detached) return;
    this.#container.terminate("kill");
    await this.#container.done;
    this.#engine.containers.delete(this.#container.spec.name);
  }

  #stop(reason: StopReason, graceMs: number): void {
    if (reason === "detach") {
      this.#detached = true;
      for (const changed of [...this.#container.onChange]) changed();
      return;
    }
    if (this.#container.exit !== null) return;
    this.#stopped ??= "canceled";
    this.#terminate(reason === "cancel" ? graceMs : 0);
  }

  #terminate(graceMs: number): void {
    if (graceMs === 0) {
      this.#container.terminate("kill");
      return;
    }
    this.#container.terminate("term");
    const over = new AbortController();
    void this.#container.done.then(() => over.abort());
    void this.#engine.sleep(graceMs, over.signal).then(() => this.#container.terminate("kill"));
  }

  async #limitTime(spec: AttemptSpec, over: AbortSignal): Promise<void> {
    await this.#engine.sleep(spec.timeoutMs, over);
    if (over.aborted || this.#container.exit !== null) return;
    this.#stopped ??= "job_timeout";
    this.#terminate(spec.graceMs);
  }

  async #settle(): Promise<ExecutionResult> {
    while (this.#container.exit === null && !this.#detached) await this.#changed();
    const exitCode = this.#container.exit;
    if (this.#detached || this.#stopped === "canceled") {
      return { status: "canceled", exitCode: null, failureReason: "canceled", message: null };
    }
    if (this.#stopped !== undefined) {
      return {
        status: "failed",
        exitCode: null,
        failureReason: this.#stopped,
        message: "the job took too long",
      };
    }
    if (exitCode === 0) return { status: "success", exitCode, failureReason: null, message: null };
    return { status: "failed", exitCode, failureReason: "script_failure", message: `exit code ${exitCode}` };
  }

  async *#follow(offset: number): AsyncGenerator<Uint8Array> {
    let index = 0;
    let toSkip = offset;
    while (!this.#detached) {
      for (; index < this.#container.output.length; index += 1) {
        const bytes = this.#container.output[index]!;
        const rest = bytes.subarray(Math.min(toSkip, bytes.length));
        toSkip -= bytes.length - rest.length;
        if (rest.length > 0) yield rest;
      }
      if (this.#container.exit !== null) return;
      await this.#changed();
    }
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      const changed = () => {
        this.#container.onChange.delete(changed);
        resolve();
      };
      this.#container.onChange.add(changed);
    });
  }
}

/** What `start` gives when it was told to stop before it began: nothing was made. */
function canceledContainer(spec: AttemptSpec): FakeContainer {
  return {
    spec,
    output: [],
    files: new Map(),
    starts: 0,
    exit: 143,
    onChange: new Set(),
    terminate: () => {},
    done: Promise.resolve(),
  };
}

function readLayers(layers: string[], path: string): string | undefined {
  const found = layers.toReversed().find((layer) => existsSync(join(layer, path)));
  return found === undefined ? undefined : readFileSync(join(found, path), "utf8");
}
