import { describe, expect, test } from "bun:test";
import type { Artifacts } from "../../src/pipeline/pipeline.ts";
import { type AttemptPhase, PhaseRecorder } from "../../src/run/phases.ts";
import { Orchestra } from "../support/orchestra.ts";
import { plannedJob, planOf } from "../support/plans.ts";

describe("a phase recorder", () => {
  test("is in exactly one phase at any time, and leaves out those without length", () => {
    let now = 1_000;
    const phases = new PhaseRecorder<AttemptPhase>("record", () => now);
    now += 5;
    phases.enter("pull");
    phases.enter("workspace");
    now += 2.5;
    phases.enter("workspace");
    now += 1;
    phases.enter("script");
    now += 10;
    expect(phases.spans()).toEqual([
      { phase: "record", startedAt: 1_000, finishedAt: 1_005 },
      { phase: "workspace", startedAt: 1_005, finishedAt: 1_008.5 },
      { phase: "script", startedAt: 1_008.5, finishedAt: 1_018.5 },
    ]);
  });
});

describe("a worker", () => {
  test("records the phases of each attempt with its outcome, then those of its clean-up", async () => {
    const artifacts: Artifacts = {
      paths: ["out"],
      exclude: [],
      when: "on_success",
      name: undefined,
      expireInMs: undefined,
    };
    const make = async ({ write }: { write: (path: string, text: string) => void }) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      write("out", "made");
      return 0;
    };
    const fail = async () => 1;
    await using orchestra = await Orchestra.open({ programs: { make, fail } });
    const detail = await orchestra.run(planOf([plannedJob("make", { artifacts }), plannedJob("fail")]));
    const recorded = await orchestra.store.readPhases(detail.run.id);
    for (const attempt of detail.attempts) {
      const own = recorded.filter(({ jobId }) => jobId === attempt.jobId);
      const [measured, cleanUp] = own.map(({ spans }) => spans);
      expect(own.length).toBe(2);
      expect(cleanUp!.map(({ phase }) => phase)).toEqual(["cleanup"]);
      const names = measured!.map(({ phase }) => phase);
      expect(names).toContain("script");
      expect(names.at(-1)).toBe("record");
      expect(names.includes("artifacts")).toBe(attempt.artifactLayer !== null);
      for (const [index, { startedAt }] of measured!.entries())
        if (index > 0) expect(startedAt).toBe(measured![index - 1]!.finishedAt);
      // Rows have whole milliseconds.
      expect(measured![0]!.startedAt).toBeGreaterThanOrEqual(attempt.assignedAt - 1);
      expect(measured!.at(-1)!.finishedAt).toBeLessThanOrEqual(attempt.finishedAt! + 2);
      expect(cleanUp![0]!.startedAt).toBeGreaterThanOrEqual(measured!.at(-1)!.finishedAt);
    }
    const script = recorded
      .flatMap(({ jobId, spans }) => (jobId === detail.jobs[0]!.id ? spans : []))
      .find(({ phase }) => phase === "script")!;
    expect(script.finishedAt - script.startedAt).toBeGreaterThan(15);
  });
});
