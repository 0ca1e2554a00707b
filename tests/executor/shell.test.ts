import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createShellExecutor } from "../../src/executor/shell/shell-executor.ts";
import { Bench, executorContract, type MakeExecutor, readLog } from "../contract/executor.ts";
import { scriptingContract } from "../contract/scripting.ts";
import { CollectedFiles } from "../support/collected-files.ts";

setDefaultTimeout(120_000);

const make: MakeExecutor = (place) => createShellExecutor({ ...place, environment: process.env });
const options = { image: () => null, ignoreTerm: "trap '' TERM" };

executorContract("shell", make, options);
scriptingContract("shell", make, options);

describe("shell executor", () => {
  const bench = new Bench(make);
  beforeAll(() => bench.open(null));
  afterAll(() => bench.close());
  const never = () => new AbortController().signal;

  test.concurrent("a job that removes or replaces its own workspace has nothing to collect, and after_script runs", async () => {
    const removals = ['rm -rf "$PWD"', "cd ..; rm -r tree; ln -s /etc tree", 'rm -rf "$(dirname "$PWD")"; exit 3'];
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
