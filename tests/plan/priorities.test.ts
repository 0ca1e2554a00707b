import { describe, expect, test } from "bun:test";
import { planPriorities } from "../../src/plan/priorities.ts";
import { plannedJob, planOf } from "../support/plans.ts";

const NOTHING = new Map<string, number>();
const inStage = (stageIndex: number, name: string, change = {}) =>
  plannedJob(name, { stage: `s${stageIndex}`, stageIndex, ...change });

function priorities(jobs: ReturnType<typeof plannedJob>[], expected: Record<string, number> = {}) {
  const plan = planOf(jobs);
  const found = planPriorities(plan, new Map(Object.entries(expected)));
  return Object.fromEntries(plan.jobs.map(({ name }, index) => [name, found[index]]));
}

describe("a job's priority is the longest path from its start to the end of the run", () => {
  test("through a diamond", () => {
    const jobs = [
      plannedJob("top", { needs: [] }),
      plannedJob("short", { needs: ["top"] }),
      plannedJob("long", { needs: ["top"] }),
      plannedJob("bottom", { needs: ["short", "long"] }),
    ];
    expect(priorities(jobs, { top: 5, short: 10, long: 100, bottom: 7 })).toEqual({
      top: 112,
      short: 17,
      long: 107,
      bottom: 7,
    });
  });

  test("through all later stages, for jobs without needs", () => {
    const jobs = [
      inStage(0, "build"),
      inStage(0, "lint"),
      inStage(1, "unit"),
      inStage(1, "e2e"),
      inStage(2, "ship"),
    ];
    expect(priorities(jobs, { build: 1, lint: 20, unit: 3, e2e: 40, ship: 500 })).toEqual({
      build: 541,
      lint: 560,
      unit: 503,
      e2e: 540,
      ship: 500,
    });
  });

  test("a job with needs waits for no stage, and what waits for its stage waits for it", () => {
    const jobs = [
      inStage(0, "a"),
      inStage(1, "slow"),
      inStage(1, "eager", { needs: [] }),
      inStage(2, "fed", { needs: ["eager"] }),
      inStage(2, "last"),
    ];
    expect(priorities(jobs, { a: 1, slow: 10, eager: 100, fed: 1_000, last: 10_000 })).toEqual({
      a: 10_011,
      slow: 10_010,
      eager: 10_100,
      fed: 1_000,
      last: 10_000,
    });
  });

  test("needs inside one stage count in whatever order the file has them", () => {
    const jobs = [
      plannedJob("third", { needs: ["second"] }),
      plannedJob("second", { needs: ["first"] }),
      plannedJob("first", { needs: [] }),
    ];
    expect(priorities(jobs, { first: 1, second: 10, third: 100 })).toEqual({
      third: 100,
      second: 110,
      first: 111,
    });
  });

  test("a path ends before a job that nobody has asked for, or that only a failure starts", () => {
    const jobs = [
      inStage(0, "build"),
      inStage(1, "by-hand", { when: "manual" }),
      inStage(1, "on-failure", { when: "on_failure" }),
      inStage(1, "always", { when: "always" }),
      inStage(1, "needy", { needs: ["build"], when: "manual" }),
      inStage(2, "after-hand", { needs: ["by-hand"] }),
      inStage(2, "last"),
    ];
    const found = priorities(jobs, {
      build: 1,
      "by-hand": 10_000,
      "on-failure": 20_000,
      always: 10,
      needy: 30_000,
      "after-hand": 40_000,
      last: 100,
    });
    expect(found).toEqual({
      build: 111,
      "by-hand": 50_000,
      "on-failure": 20_100,
      always: 110,
      needy: 30_100,
      "after-hand": 40_000,
      last: 100,
    });
  });

  test("a job that is new counts as the median of the others, and the first run counts jobs", () => {
    const jobs = ["a", "b", "c", "d"].map((name, n) => plannedJob(name, { needs: n === 3 ? ["a"] : [] }));
    expect(priorities(jobs, { a: 1, b: 50, c: 900 })).toEqual({ a: 51, b: 50, c: 900, d: 50 });
    expect(priorities(jobs)).toEqual({ a: 2, b: 1, c: 1, d: 1 });
  });

  test("5,000 jobs one after the other", () => {
    const plan = planOf(
      Array.from({ length: 5_000 }, (_, n) => plannedJob(`j${n}`, { needs: n === 0 ? [] : [`j${n - 1}`] })),
    );
    const found = planPriorities(plan, NOTHING);
    expect(found[0]).toBe(5_000);
    expect(found.at(-1)).toBe(1);
  });
});
