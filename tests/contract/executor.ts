import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Image } from "../../src/pipeline/pipeline.ts";
import type { PlannedJob } from "../../src/plan/plan.ts";
import type { AttemptSpec, Execution, ExecutionResult, Executor } from "../../src/run/executor.ts";
import { CollectedFiles } from "../support/collected-files.ts";
import { plannedJob } from "../support/plans.ts";

/** Opens an executor of an instance over a state directory; called again for the same two it stands for a restarted process. */
export type MakeExecutor = (place: { instance: string; stateDir: string }) => Promise<Executor> | Executor;

export interface ContractOptions {
  /** What jobs run in. */
  image: () => Promise<Image | null> | Image | null;
  /** A command after which the job does not end on SIGTERM. */
  ignoreTerm: string;
}

/** A running executor and what its tests need around it. */
export class Bench {
  readonly instance = `test-${crypto.randomUUID().slice(0, 8)}`;
  readonly stateDir = mkdtempSync(join(tmpdir(), "cicd-executor-"));
  readonly make: MakeExecutor;
  image: Image | null = null;
  executor!: Executor;
  #count = 0;

  constructor(make: MakeExecutor) {
    this.make = make;
  }

  async open(image: Image | null): Promise<void> {
    this.image = image;
    this.executor = await this.reopen();
  }

  async reopen(): Promise<Executor> {
    return await this.make({ instance: this.instance, stateDir: this.stateDir });
  }

  async close(): Promise<void> {
    await this.executor.sweep(async () => false);
    await this.executor[Symbol.asyncDispose]();
    rmSync(this.stateDir, { recursive: true, force: true });
  }

  /** A layer with these files. */
  layer(files: Record<string, string>): string {
    const root = join(this.stateDir, `layer-${++this.#count}`);
    mkdirSync(root);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return root;
  }

  spec(job: Partial<PlannedJob>, change: Partial<AttemptSpec> = {}): AttemptSpec {
    const name = `${this.instance}-job-${++this.#count}`;
    return {
      name,
      labels: { instance: this.instance, run: `run-${this.#count}`, job: `job-${this.#count}`, attempt: 1 },
      job: plannedJob("job", { image: this.image, ...job }),
      environment: {},
      layers: [],
      timeoutMs: 60_000,
      graceMs: 2_000,
      files: [],
      logLimitBytes: 100_000_000,
      logOffset: 0,
      isUnderWay: false,
      onProgress: () => {},
      toCome: { jobs: 0, atOnce: 0 },
      onPhase: () => {},
      ...change,
    };
  }

  /** Runs an attempt to its end and removes it. */
  async run(
    job: Partial<PlannedJob>,
    change: Partial<AttemptSpec> = {},
  ): Promise<{ log: string; result: ExecutionResult }> {
    await using execution = await this.executor.start(this.spec(job, change), new AbortController().signal);
    return { log: await readLog(execution), result: await execution.result };
  }
}

/** The whole log, with colours taken out. */
export async function readLog(execution: Execution): Promise<string> {
  return Buffer.concat(await Array.fromAsync(execution.logs))
    .toString()
    .replace(/\u001b\[[0-9;]*m/g, "");
}

/** Reads the log until `text` is in it; the rest is read and dropped meanwhile. */
export async function readUntil(execution: Execution, text: string): Promise<string> {
  const found = Promise.withResolvers<string>();
  void (async () => {
    let log = "";
    for await (const bytes of execution.logs) {
      log += Buffer.from(bytes).toString();
      if (log.includes(text)) found.resolve(log);
    }
    found.reject(new Error(`the log ended without ${JSON.stringify(text)}: ${log}`));
  })().catch(found.reject);
  return await found.promise;
}

/**
 * What every executor does; a file that calls this sets a default time-out that suits it. Scripts keep to the fake's language: echo (also into a file), cat, touch, sleep, exit, true,
 * false.
 */
export function executorContract(name: string, make: MakeExecutor, options: ContractOptions): void {
  describe(`executor contract: ${name}`, () => {
    const bench = new Bench(make);
    beforeAll(async () => bench.open(await options.image()));
    afterAll(() => bench.close());
    const never = () => new AbortController().signal;

    test.concurrent("a script that ends well is a success, and its log shows each command before its output", async () => {
      const { log, result } = await bench.run({
        beforeScript: ["echo zero"],
        script: ["echo one", "echo two"],
      });
      expect(log).toBe("$ echo zero\nzero\n$ echo one\none\n$ echo two\ntwo\n");
      expect(result).toEqual({ status: "success", exitCode: 0, failureReason: null, message: null });
    });

    test.concurrent("a script stops at its first failing command, and its exit code is the job's", async () => {
      const { log, result } = await bench.run({ script: ["echo one", "exit 42", "echo never"] });
      expect(log).toBe("$ echo one\none\n$ exit 42\n");
      expect(result).toMatchObject({ status: "failed", exitCode: 42, failureReason: "script_failure" });
      const failing = await bench.run({ script: ["false", "echo never"] });
      expect(failing.log).not.toContain("never");
      expect(failing.result).toMatchObject({
        status: "failed",
        exitCode: 1,
        failureReason: "script_failure",
      });
    });

    test.concurrent("a job sees its layers, the later ones covering the earlier", async () => {
      const layers = [
        bench.layer({ a: "old\n", "sub/b": "below\n" }),
        bench.layer({ a: "new\n", "sub/c": "beside\n" }),
      ];
      const { log } = await bench.run({ script: ["cat a", "cat sub/b", "cat sub/c"] }, { layers });
      expect(log).toBe("$ cat a\nnew\n$ cat sub/b\nbelow\n$ cat sub/c\nbeside\n");
    });

    test.concurrent("variables reach the script", async () => {
      const { log } = await bench.run({ script: ["echo $GREETING"] }, { environment: { GREETING: "hello" } });
      expect(log).toContain("\nhello\n");
    });

    test.concurrent("the files that patterns name are collected, and patterns without a match are told", async () => {
      const spec = bench.spec({ script: ["echo one > report.txt", "echo two > notes.md"] });
      await using execution = await bench.executor.start(spec, never());
      await readLog(execution);
      await execution.result;
      const sink = new CollectedFiles();
      const { unmatched } = await execution.collect(
        { paths: ["*.txt", "missing/"], exclude: [] },
        sink,
        never(),
      );
      expect(sink.files).toEqual({ "report.txt": "one\n" });
      expect(unmatched).toEqual(["missing/"]);
    });

    test.concurrent("cancel ends a job, which is then canceled", async () => {
      const stop = new AbortController();
      await using execution = await bench.executor.start(
        bench.spec({ script: ["echo up", "sleep 60"] }),
        stop.signal,
      );
      await readUntil(execution, "sleep");
      const began = performance.now();
      stop.abort("cancel");
      expect(await execution.result).toMatchObject({
        status: "canceled",
        exitCode: null,
        failureReason: "canceled",
      });
      expect(performance.now() - began).toBeLessThan(1_800);
    });

    test.concurrent("a job that does not heed SIGTERM is killed when its grace is over, or at once by kill()", async () => {
      const script = [options.ignoreTerm, "echo deaf", "sleep 60"];
      const stop = new AbortController();
      await using execution = await bench.executor.start(
        bench.spec({ script }, { graceMs: 300 }),
        stop.signal,
      );
      await using patient = await bench.executor.start(
        bench.spec({ script }, { graceMs: 60_000 }),
        stop.signal,
      );
      await Promise.all([readUntil(execution, "sleep"), readUntil(patient, "sleep")]);
      stop.abort("cancel");
      expect(await execution.result).toMatchObject({ status: "canceled" });
      patient.kill();
      expect(await patient.result).toMatchObject({ status: "canceled" });
    });

    test.concurrent("a job that takes too long is stopped and has failed with job_timeout", async () => {
      const { result } = await bench.run({ script: ["sleep 60"] }, { timeoutMs: 300, graceMs: 300 });
      expect(result).toMatchObject({ status: "failed", exitCode: null, failureReason: "job_timeout" });
    });

    test.concurrent("a job is left running by detach; who adopts it gets the rest of the log and the exit code", async () => {
      const spec = bench.spec({ script: ["echo one", "sleep 1", "echo two", "exit 7"] });
      const stop = new AbortController();
      const first = await bench.executor.start(spec, stop.signal);
      await readUntil(first, "sleep 1");
      stop.abort("detach");
      expect(await first.result).toMatchObject({ status: "canceled" });
      await first[Symbol.asyncDispose]();

      await using successor = await bench.reopen();
      const seen = "$ echo one\none\n";
      const colours = bench.image === null && bench.executor.kind === "fake" ? 0 : 1;
      const logOffset = seen.length + colours * "\u001b[32;1m\u001b[0;m".length;
      await using second = await successor.start({ ...spec, logOffset }, never());
      expect(await readLog(second)).toBe("$ sleep 1\n$ echo two\ntwo\n$ exit 7\n");
      expect(await second.result).toMatchObject({ status: "failed", exitCode: 7 });
    });

    test.concurrent("an attempt under way of which nothing is left fails, and is not started again", async () => {
      await bench.executor.check();
      const { log, result } = await bench.run({ script: ["echo again"] }, { isUnderWay: true });
      expect(log).toBe("");
      expect(result).toMatchObject({ status: "failed", failureReason: "runner_system_failure" });
    });

    test.concurrent("an attempt that has ended already is adopted with its whole log, not run again", async () => {
      const spec = bench.spec({ script: ["echo once", "exit 3"] });
      const first = await bench.executor.start(spec, never());
      await readLog(first);
      await first.result;
      await using successor = await bench.reopen();
      await using second = await successor.start(spec, never());
      expect(await readLog(second)).toBe("$ echo once\nonce\n$ exit 3\n");
      expect(await second.result).toMatchObject({ status: "failed", exitCode: 3 });
    });

    test.concurrent("what is aborted before it starts is canceled and leaves nothing", async () => {
      const spec = bench.spec({ script: ["echo never"] });
      await using execution = await bench.executor.start(spec, AbortSignal.abort("cancel"));
      expect(await readLog(execution)).toBe("");
      expect(await execution.result).toMatchObject({ status: "canceled" });
    });

    test.concurrent("disposing twice is fine, and ends what runs", async () => {
      const execution = await bench.executor.start(bench.spec({ script: ["sleep 60"] }), never());
      await execution[Symbol.asyncDispose]();
      await execution[Symbol.asyncDispose]();
      expect((await execution.result).status).not.toBe("success");
    });
  });

  describe(`executor contract, sweep: ${name}`, () => {
    const bench = new Bench(make);
    beforeAll(async () => bench.open(await options.image()));
    afterAll(() => bench.close());

    test("what no live attempt owns is stopped and removed, the rest left alone", async () => {
      const detach = new AbortController();
      const dead = bench.spec({ script: ["sleep 60"] });
      const live = bench.spec({ script: ["echo up", "sleep 60"] });
      const [, survivor] = await Promise.all([
        bench.executor.start(dead, detach.signal),
        bench.executor.start(live, new AbortController().signal),
      ]);
      detach.abort("detach");
      const successor = await bench.reopen();
      const swept = await successor.sweep(async (labels) => labels.job === live.labels.job);
      expect(swept.containers + swept.directories).toBe(1);
      const again = await successor.sweep(async (labels) => labels.job === live.labels.job);
      expect(again).toEqual({ containers: 0, networks: 0, volumes: 0, directories: 0 });
      await readUntil(survivor, "sleep");
      await survivor[Symbol.asyncDispose]();
    });
  });
}
