import { describe, expect, test } from "bun:test";
import type { PhaseSpan } from "../../../src/run/phases.ts";
import { newRun } from "../../support/plans.ts";
import type { StoreUnderTest } from "../store.ts";
import { FAILURE, finishedRun, ONE_JOB, SUCCESS, started } from "./acts.ts";

const SPANS: PhaseSpan[] = [
  { phase: "pull", startedAt: 1_700_000_000_000.125, finishedAt: 1_700_000_000_001 },
  { phase: "script", startedAt: 1_700_000_000_001, finishedAt: 1_700_000_060_000.5 },
];
const CLEANUP: PhaseSpan[] = [
  { phase: "cleanup", startedAt: 1_700_000_060_001, finishedAt: 1_700_000_060_002 },
];

export function phaseContract(under: StoreUnderTest): void {
  describe("phases", () => {
    test("come with the outcome, and once, however often it is told", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", ONE_JOB));
      const lease = await started(store);
      expect(await another.readPhases("a")).toEqual([]);
      const finish = { type: "finish", lease, outcome: SUCCESS, phases: SPANS } as const;
      expect((await store.execute("a", finish))?.kind).toBe("done");
      expect((await store.execute("a", finish))?.kind).toBe("noop");
      expect((await store.execute("a", { ...finish, outcome: FAILURE }))?.kind).toBe("conflict");
      const expected = { runId: "a", jobId: lease.jobId, attempt: 1, spans: SPANS };
      expect(await another.readPhases("a")).toEqual([expected]);
    });

    test("are not taken from whoever has lost the lease", async () => {
      const { store } = under;
      await store.createRun(newRun("a", ONE_JOB));
      const lease = { ...(await started(store)), token: "another" };
      await store.execute("a", { type: "finish", lease, outcome: SUCCESS, phases: SPANS });
      expect(await store.readPhases("a")).toEqual([]);
    });

    test("are added later, of an attempt and of the run, and read in that order", async () => {
      const { store, another } = under;
      const { jobId } = await finishedRun(store, "a");
      await finishedRun(store, "b");
      await store.addPhases({ runId: "a", jobId, attempt: 1, spans: CLEANUP });
      await another.addPhases({ runId: "a", jobId: null, attempt: null, spans: SPANS });
      expect(await store.readPhases("a")).toEqual([
        { runId: "a", jobId, attempt: 1, spans: CLEANUP },
        { runId: "a", jobId: null, attempt: null, spans: SPANS },
      ]);
      expect(await store.readPhases("b")).toEqual([]);
    });

    test("go with their run, and none are kept of a run that is gone", async () => {
      const { store } = under;
      const { jobId } = await finishedRun(store, "a");
      await store.addPhases({ runId: "a", jobId, attempt: 1, spans: CLEANUP });
      await store.deleteRuns(["a"]);
      await store.addPhases({ runId: "a", jobId, attempt: 1, spans: CLEANUP });
      expect(await store.readPhases("a")).toEqual([]);
    });
  });
}
