import { beforeEach, describe, expect, test } from "bun:test";
import type { TraceJson } from "../../src/app/trace.ts";
import { traceRun } from "../../src/app/trace-run.ts";
import type { AttemptPhase, PhaseSpan } from "../../src/run/phases.ts";
import type { Lease, Outcome } from "../../src/run/records.ts";
import { SUCCESS } from "../contract/store/acts.ts";
import { newRun, plannedJob, planOf } from "../support/plans.ts";
import { AppFixture, OWNER } from "./fixture.ts";

const FAILED = { status: "failed", exitCode: 1, failureReason: "script_failure" } as const;
const job = (name: string, stageIndex = 0, needs: string[] | null = null) =>
  plannedJob(name, { stage: `s${stageIndex}`, stageIndex, needs });
const DIAMOND = planOf([
  job("top"),
  job("left", 1, ["top"]),
  job("right", 1, ["top"]),
  job("join", 2, ["left", "right"]),
]);

let fixture: AppFixture;
let start: number;
beforeEach(async () => {
  fixture = new AppFixture();
  start = fixture.now;
});

/** The phases of an attempt that was claimed a moment ago and lasts until now, by a clock that is `skewMs` ahead. */
function phases(lengths: [AttemptPhase, number][], skewMs = 0): PhaseSpan[] {
  let at = fixture.now - lengths.reduce((sum, [, length]) => sum + length, 0) + skewMs;
  return lengths.map(([phase, length]) => {
    const startedAt = at;
    at += length;
    return { phase, startedAt, finishedAt: at };
  });
}

async function end(lease: Lease, spans?: PhaseSpan[], outcome: Partial<Outcome> = {}): Promise<void> {
  const whole = { ...SUCCESS, ...outcome };
  const measured = spans === undefined ? {} : { phases: spans };
  await fixture.store.execute(lease.runId, { type: "finish", lease, outcome: whole, ...measured });
}

async function made(plan = DIAMOND): Promise<string> {
  await fixture.store.createRun(newRun("r", plan, { mode: "local", owner: OWNER }));
  return "r";
}

const onPath = ({ criticalPath }: TraceJson) =>
  criticalPath.map(({ job, phase, durationMs }) => [job, phase, durationMs]);
const critical = ({ attempts }: TraceJson) =>
  attempts.filter(({ isCritical }) => isCritical).map(({ job, attempt }) => `${job}#${attempt}`);

/** What holds for every trace. */
function expectWhole(trace: TraceJson): void {
  let at = 0;
  for (const { startMs, durationMs } of trace.criticalPath) {
    expect(startMs).toBeCloseTo(at, 2);
    expect(durationMs).toBeGreaterThan(0);
    at = startMs + durationMs;
  }
  expect(at).toBeCloseTo(trace.wallMs, 2);
  expect(trace.sumMs).toBeCloseTo(trace.wallMs, 2);
  expect(trace.totals.reduce((sum, { durationMs }) => sum + durationMs, 0)).toBeCloseTo(trace.wallMs, 2);
  for (const { spans } of trace.attempts) {
    for (const [index, { startMs }] of spans.entries()) {
      const before = spans[index - 1];
      if (before !== undefined)
        expect(startMs).toBeGreaterThanOrEqual(before.startMs + before.durationMs - 0.01);
    }
  }
}

describe("the trace of a run", () => {
  test("leads through a diamond along its slower side, each moment once", async () => {
    const id = await made();
    fixture.now += 10;
    const top = await fixture.begin(id);
    fixture.now += 100;
    await end(
      top,
      phases([
        ["pull", 40],
        ["start", 20],
        ["script", 40],
      ]),
    );
    const left = await fixture.begin(id);
    const right = await fixture.begin(id);
    fixture.now += 50;
    await end(right, phases([["script", 50]]));
    fixture.now += 250;
    await end(
      left,
      phases([
        ["start", 50],
        ["script", 250],
      ]),
    );
    fixture.now += 5;
    const join = await fixture.begin(id);
    fixture.now += 20;
    await end(
      join,
      phases([
        ["script", 15],
        ["record", 5],
      ]),
    );
    const trace = await traceRun(fixture.app, id);
    expectWhole(trace);
    expect(critical(trace)).toEqual(["top#1", "left#1", "join#1"]);
    expect(onPath(trace)).toEqual([
      ["top", "queued", 10],
      ["top", "pull", 40],
      ["top", "start", 20],
      ["top", "script", 40],
      ["left", "start", 50],
      ["left", "script", 250],
      ["join", "queued", 5],
      ["join", "script", 15],
      ["join", "record", 5],
    ]);
    expect([trace.wallMs, trace.isOver, trace.startedAt]).toEqual([435, true, new Date(start).toISOString()]);
  });

  test("leads through whoever held the slot, where jobs had to wait for one", async () => {
    const id = await made(planOf([job("a"), job("b"), job("c"), job("d")]));
    const a = await fixture.begin(id);
    const b = await fixture.begin(id);
    fixture.now += 30;
    await end(b, phases([["script", 30]]));
    fixture.now += 1;
    const c = await fixture.begin(id);
    fixture.now += 20;
    await end(a, phases([["script", 51]]));
    fixture.now += 2;
    const d = await fixture.begin(id);
    fixture.now += 10;
    await end(d, phases([["script", 10]]));
    fixture.now += 90;
    await end(c, phases([["script", 122]]));
    const trace = await traceRun(fixture.app, id);
    expectWhole(trace);
    expect(onPath(trace)).toEqual([
      ["b", "script", 30],
      ["c", "queued", 1],
      ["c", "script", 122],
    ]);
  });

  test("takes a wait that no slot explains for a wait for a worker", async () => {
    const id = await made(planOf([job("a"), job("b"), job("late")]));
    const a = await fixture.begin(id);
    const b = await fixture.begin(id);
    fixture.now += 10;
    await end(a, phases([["script", 10]]));
    fixture.now += 10;
    await end(b, phases([["script", 20]]));
    fixture.now += 70;
    await end(await fixture.begin(id), phases([]));
    const trace = await traceRun(fixture.app, id);
    // Both ended while it waited; the last of them had the slots for itself already.
    expect(onPath(trace)).toEqual([["late", "queued", 90]]);
  });

  test("goes over all attempts of a job that was tried again, and over the time in which the run had ended", async () => {
    const id = await made(planOf([plannedJob("flaky", { retry: { max: 1, when: [], exitCodes: [] } })]));
    for (const _try of [1, 2]) {
      const lease = await fixture.begin(id);
      fixture.now += 100;
      await end(lease, phases([["script", 100]]), FAILED);
    }
    fixture.now += 1_000;
    await fixture.store.execute(id, { type: "retry", jobs: "failed", actor: "me", owner: OWNER });
    fixture.now += 3;
    const last = await fixture.begin(id);
    fixture.now += 50;
    await end(last, phases([["script", 50]]));
    const trace = await traceRun(fixture.app, id);
    expectWhole(trace);
    expect(critical(trace)).toEqual(["flaky#1", "flaky#2", "flaky#3"]);
    expect(onPath(trace)).toEqual([
      ["flaky", "script", 100],
      ["flaky", "script", 100],
      [null, "idle", 1_000],
      ["flaky", "queued", 3],
      ["flaky", "script", 50],
    ]);
  });

  test("counts a local run from the start of its process to its end", async () => {
    fixture.now += 200;
    const id = await made(planOf([job("a")]));
    const lease = await fixture.begin(id);
    fixture.now += 100;
    await end(lease, phases([["script", 100]]));
    const { jobId } = lease;
    const cleanup: PhaseSpan = { phase: "cleanup", startedAt: fixture.now + 1, finishedAt: fixture.now + 31 };
    await fixture.store.addPhases({ runId: id, jobId, attempt: 1, spans: [cleanup] });
    await fixture.store.addPhases({
      runId: id,
      jobId: null,
      attempt: null,
      spans: [
        { phase: "startup", startedAt: start, finishedAt: start + 50 },
        { phase: "source", startedAt: start + 50, finishedAt: start + 190 },
        { phase: "record", startedAt: start + 190, finishedAt: start + 302 },
        { phase: "cleanup", startedAt: start + 302, finishedAt: start + 332 },
        { phase: "closing", startedAt: start + 332, finishedAt: start + 340 },
      ],
    });
    const trace = await traceRun(fixture.app, id);
    expectWhole(trace);
    expect([trace.wallMs, trace.startedAt, trace.notes]).toEqual([340, new Date(start).toISOString(), []]);
    expect(onPath(trace)).toEqual([
      [null, "startup", 50],
      [null, "source", 140],
      [null, "record", 10],
      ["a", "script", 100],
      [null, "record", 2],
      [null, "cleanup", 30],
      [null, "closing", 8],
    ]);
    expect(trace.attempts[0]!.spans.at(-1)).toEqual({ phase: "cleanup", startMs: 301, durationMs: 30 });
  });

  test("lays what a worker measured by a clock of its own between the times of the database", async () => {
    for (const skewMs of [-7_200_000, 7_200_000]) {
      fixture = new AppFixture();
      const id = await made(planOf([job("a")]));
      const lease = await fixture.begin(id);
      fixture.now += 110;
      await end(
        lease,
        phases(
          [
            ["start", 40],
            ["script", 60],
          ],
          skewMs,
        ),
      );
      const trace = await traceRun(fixture.app, id);
      expectWhole(trace);
      const [first, second] = trace.attempts[0]!.spans;
      expect([first!.phase, second!.phase, trace.wallMs]).toEqual(["start", "script", 110]);
      // What the measure lacks of the row's time, the time before it began and after it ended, goes to its first or last phase.
      expect(Math.abs(first!.durationMs - 45)).toBeLessThanOrEqual(6);
    }
  });

  test("of an older run shows the times there are, and says that the rest was not recorded", async () => {
    const id = await made(planOf([job("a")]));
    fixture.now += 5;
    const lease = await fixture.begin(id);
    fixture.now += 100;
    await end(lease);
    const trace = await traceRun(fixture.app, id);
    expectWhole(trace);
    expect(onPath(trace)).toEqual([
      ["a", "queued", 5],
      ["a", "unrecorded", 100],
    ]);
    expect(trace.attempts[0]!.isMeasured).toBe(false);
    expect(trace.notes).toEqual([
      "of 1 attempt only the times are known: the phases were not recorded",
      "what cicd did before and after the jobs was not recorded",
    ]);
  });

  test("of a run under way goes up to now", async () => {
    const id = await made(planOf([job("a")]));
    await fixture.begin(id);
    fixture.now += 70;
    const trace = await traceRun(fixture.app, id);
    expectWhole(trace);
    expect([trace.isOver, trace.wallMs, trace.attempts[0]!.status]).toEqual([false, 70, "running"]);
    expect(trace.notes).toEqual(["the run goes on: what has not ended is not broken down yet"]);
  });

  test("of a run in which nothing ran is empty, but whole", async () => {
    const id = await made(planOf([job("a")]));
    fixture.now += 40;
    await fixture.store.execute(id, { type: "request_cancel", actor: "me" });
    const trace = await traceRun(fixture.app, id);
    expectWhole(trace);
    expect([trace.attempts, trace.wallMs, onPath(trace)]).toEqual([[], 40, [[null, "idle", 40]]]);
  });
});
