import { describe, expect, test } from "bun:test";
import { startOrder } from "../../src/plan/order.ts";
import { planOf } from "./build.ts";

const order = (jobs: string) => startOrder(planOf(jobs));

describe("the order in which jobs may start", () => {
  test("follows the stages where no job has needs", () => {
    expect(
      order(`
  a: { stage: build, script: ls }
  b: { stage: build, script: ls }
  c: { stage: test, script: ls }
  d: { stage: deploy, script: ls }
`),
    ).toEqual([["a", "b"], ["c"], ["d"]]);
  });

  test("lets a job with needs start before its stage", () => {
    expect(
      order(`
  a: { stage: build, script: ls }
  slow: { stage: build, script: ls, needs: [a] }
  at-once: { stage: deploy, script: ls, needs: [] }
  early: { stage: deploy, script: ls, needs: [a] }
  c: { stage: test, script: ls }
`),
    ).toEqual([["a", "at-once"], ["slow", "early"], ["c"]]);
  });

  test("holds a job without needs back until every earlier stage is through", () => {
    expect(
      order(`
  last: { stage: deploy, script: ls }
  a: { stage: build, script: ls }
  t1: { stage: test, script: ls, needs: [] }
  t3: { stage: test, script: ls, needs: [t2] }
  t2: { stage: test, script: ls, needs: [t1, a] }
`),
    ).toEqual([["a", "t1"], ["t2"], ["t3"], ["last"]]);
  });

  test("of a chain of 10,000 jobs in one stage is found at once", () => {
    const chain = Array.from(
      { length: 10_000 },
      (_, index) =>
        `  j${index}: { stage: build, script: ls, needs: [${index < 9999 ? `j${index + 1}` : ""}] }\n`,
    );
    const plan = planOf(chain.join(""));
    const started = performance.now();
    const steps = startOrder(plan);
    expect(performance.now() - started).toBeLessThan(1000);
    expect([steps.length, steps[0], steps.at(-1)]).toEqual([10_000, ["j9999"], ["j0"]]);
  });
});
