import { describe, expect, test } from "bun:test";
import type { AttemptResults, Outcome } from "../../../src/run/records.ts";
import type { TestFailure } from "../../../src/run/test-results.ts";
import { newRun } from "../../support/plans.ts";
import type { StoreUnderTest } from "../store.ts";
import { attemptOf, FAILURE, finish, finishedRun, started, THREE_JOBS } from "./acts.ts";

const RESULTS: AttemptResults = {
  coverage: 81.5,
  tests: { total: 9, failed: 1, errors: 1, skipped: 2, durationMs: 1234 },
  dotenv: { VERSION: "1.2", TEXT: 'a "b" \\ \u00e9\n' },
  reportLayer: "reports",
};

const FIRST: TestFailure = {
  ...{ suite: "unit", className: "Sum", name: "carries", file: "src/sum.test.js", line: 8 },
  ...{ kind: "failure", message: "0 is not 10", detail: "at sum.test.js:8\n'x'" },
};
const SECOND: TestFailure = {
  ...{ suite: null, className: null, name: "connects", file: null, line: null },
  ...{ kind: "error", message: null, detail: null },
};
const OUTCOME: Outcome = { ...FAILURE, results: RESULTS, testFailures: [FIRST, SECOND] };

export function resultContract(under: StoreUnderTest): void {
  describe("results of an attempt", () => {
    test("are read with it, and its report layer is named", async () => {
      const { store, another } = under;
      const lease = await finishedRun(store, "a", OUTCOME);
      const plain = await finishedRun(store, "b", FAILURE);
      expect((await attemptOf(another, lease)).results).toEqual(RESULTS);
      expect((await attemptOf(another, plain)).results).toBeNull();
      expect((await another.readNewestAttempts("a", ["only"])).get("only")?.results).toEqual(RESULTS);
      expect((await another.referencedArtifacts()).layers).toEqual(new Set(["reports"]));
    });

    test("stand before those who go on with a run that another has changed", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", THREE_JOBS));
      const left = await started(store);
      const right = await started(another);
      await finish(another, right, OUTCOME);
      await finish(store, left, OUTCOME);
      await another.execute("a", { type: "retry", jobs: ["left"], actor: "me", owner: null });
      expect((await attemptOf(store, right)).results).toEqual(RESULTS);
      expect((await store.readTestFailures(["a"])).map(({ job }) => job)).toEqual([0, 0, 1, 1]);
    });

    test("bring the failures of the newest attempts, in order, until the run is deleted", async () => {
      const { store, another } = under;
      await finishedRun(store, "b", { ...OUTCOME, testFailures: [SECOND] });
      await finishedRun(store, "a", OUTCOME);
      expect(await another.readTestFailures(["b", "none", "a"])).toEqual([
        { runId: "a", job: 0, ...FIRST },
        { runId: "a", job: 0, ...SECOND },
        { runId: "b", job: 0, ...SECOND },
      ]);
      expect(await another.readTestFailures(["c"])).toEqual([]);
      await store.execute("a", { type: "retry", jobs: "failed", actor: "me", owner: null });
      const again = await started(store);
      expect(await store.readTestFailures(["a"])).toEqual([]);
      await finish(store, again, { ...OUTCOME, testFailures: [FIRST] });
      expect(await another.readTestFailures(["a"])).toEqual([{ runId: "a", job: 0, ...FIRST }]);
      await store.deleteRuns(["a"]);
      expect(await another.readTestFailures(["a"])).toEqual([]);
    });
  });
}
