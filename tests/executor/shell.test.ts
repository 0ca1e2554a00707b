import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createShellExecutor } from "../../src/executor/shell/shell-executor.ts";
import { Bench, executorContract, type MakeExecutor, readLog, readUntil } from "../contract/executor.ts";
import { scriptingContract } from "../contract/scripting.ts";
import { CollectedFiles } from "../support/collected-files.ts";

setDefaultTimeout(120_000);

const make: MakeExecutor = (place) => createShellExecutor({ ...place, environment: process.env });
const options = { image: () => null, ignoreTerm: "trap '' TERM" };

executorContract("shell", make, options);
scriptingContract("shell", make, options);

/** Ids of the running processes with this word among their arguments. */
function processesNaming(word: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(word);
    } catch {
      return false;
    }
  });
}

describe("shell executor", () => {
  const bench = new Bench(make);
  beforeAll(() => bench.open(null));
  afterAll(() => bench.close());
  const never = () => new AbortController().signal;

  /** Starts a process that has left the job's process group and session. */
  const stray = (mark: string) =>
    `setsid sh -c 'sleep 600; :' ${mark} & until pgrep -f "sleep 600; : ${mark}$"; do :; done`;

  test.concurrent("a job with services is refused: they need Docker", async () => {
    const image = { name: "postgres", entrypoint: undefined, pullPolicy: "never" as const };
    const service = { ...image, aliases: [], command: undefined, variables: {}, healthcheck: undefined };
    const { log, result } = await bench.run({ script: ["echo never"], services: [service] });
    expect(log).toBe("");
    expect(result).toMatchObject({ status: "failed", failureReason: "config_error" });
    expect(result.message).toContain("--executor docker");
  });

  test.concurrent("processes that leave the process group end with their phase, by cancel and kill too", async () => {
    const [main, after, canceled, killed] = [1, 2, 3, 4].map(() => `stray-${crypto.randomUUID()}`);
    const spec = bench.spec({
      script: [stray(main!)],
      afterScript: [`pgrep -f ${main} | grep -v $$ || echo none; ${stray(after!)}`],
    });
    await using execution = await bench.executor.start(spec, never());
    expect(await readLog(execution)).toContain("\nnone\n");
    expect(await execution.result).toMatchObject({ status: "success", message: null });
    expect([...processesNaming(main!), ...processesNaming(after!)]).toEqual([]);
    for (const mark of [canceled!, killed!]) {
      const stop = new AbortController();
      const job = { script: [`${stray(mark)}; echo up; sleep 60`] };
      await using running = await bench.executor.start(bench.spec(job), stop.signal);
      await readUntil(running, "\nup\n");
      expect(processesNaming(mark)).toHaveLength(1);
      if (mark === canceled) stop.abort("cancel");
      else running.kill();
      expect(await running.result).toMatchObject({ status: "canceled" });
      expect(processesNaming(mark)).toEqual([]);
    }
  });

  test.concurrent("processes that leave the process group are found by the sweep", async () => {
    const other = new Bench(make);
    await other.open(null);
    const mark = `stray-${crypto.randomUUID()}`;
    const stop = new AbortController();
    const execution = await other.executor.start(
      other.spec({ script: [`${stray(mark)}; echo up; sleep 60`] }),
      stop.signal,
    );
    await readUntil(execution, "\nup\n");
    stop.abort("detach");
    await execution.result;
    expect(processesNaming(mark)).toHaveLength(1);
    await (await other.reopen()).sweep(async () => false);
    expect(processesNaming(mark)).toEqual([]);
    await other.close();
  });

  test.concurrent("a job that removes or replaces its own workspace has nothing to collect, and after_script runs", async () => {
    const removals = [
      'rm -rf "$PWD"',
      "cd ..; rm -r tree; ln -s /etc tree",
      'rm -rf "$(dirname "$PWD")"; exit 3',
    ];
    for (const removal of removals) {
      const spec = bench.spec({
        script: [removal],
        afterScript: ["ls -A; echo after > ../../../seen-$NAME"],
      });
      const environment = { NAME: spec.name };
      await using execution = await bench.executor.start({ ...spec, environment }, never());
      await readLog(execution);
      const failed = removal.includes("exit 3");
      expect(await execution.result).toEqual({
        status: failed ? "failed" : "success",
        exitCode: failed ? 3 : 0,
        failureReason: failed ? "script_failure" : null,
        message: failed ? "The script ended with exit code 3." : null,
      });
      expect(readFileSync(join(bench.stateDir, `seen-${spec.name}`), "utf8")).toBe("after\n");
      const sink = new CollectedFiles();
      const paths = ["*", "hosts", "dist/"];
      expect(await execution.collect({ paths, exclude: [] }, sink, never())).toEqual({ unmatched: paths });
      expect(sink.taken).toEqual([]);
    }
  });
});
