import { afterAll, beforeAll, expect, test } from "bun:test";
import type { PhaseSpan } from "../../src/run/phases.ts";
import { SUCCESS } from "../contract/store/acts.ts";
import { plannedJob, planOf } from "../support/plans.ts";
import { ServerFixture } from "./fixture.ts";

let fixture: ServerFixture;
beforeAll(async () => {
  fixture = await ServerFixture.open();
});
afterAll(() => fixture[Symbol.asyncDispose]());

test("the server answers where a run's time went, to whoever may read", async () => {
  const run = await fixture.record(planOf([plannedJob("a"), plannedJob("b")]));
  const lease = await fixture.begin(run);
  const at = Date.now();
  const phases: PhaseSpan[] = [{ phase: "script", startedAt: at, finishedAt: at + 1 }];
  const store = await fixture.app.store();
  await store.execute(run, { type: "finish", lease, outcome: SUCCESS, phases });
  const asked = { params: { run }, token: fixture.token("read") };
  const under = await fixture.ask("traceRun", asked);
  expect(under.isOver).toBe(false);
  await fixture.end(await fixture.begin(run));
  const trace = await fixture.ask("traceRun", asked);
  expect([trace.run.id, trace.isOver, trace.process]).toEqual([run, true, []]);
  expect(trace.attempts.map(({ job, isMeasured }) => [job, isMeasured])).toEqual([
    ["a", true],
    ["b", false],
  ]);
  expect(trace.sumMs).toBeCloseTo(trace.wallMs, 2);
  expect((await fixture.refusal("/api/v1/runs/none/trace")).code).toBe("NOT_FOUND");
  expect((await fixture.refusal(`/api/v1/runs/${run}/trace`, { token: null })).status).toBe(401);
});
