import { describe, expect, test } from "bun:test";
import { manualGates } from "../../src/plan/manual-gates.ts";
import { planOf } from "./build.ts";

const gates = (jobs: string) => Object.fromEntries(manualGates(planOf(jobs)));

describe("what manual jobs hold up", () => {
  test("is nothing where there are none", () => {
    expect(gates("  a: { stage: build, script: ls }\n  b: { stage: test, script: ls }\n")).toEqual({});
  });

  test("is everything behind one that blocks, through stages and needs", () => {
    expect(
      gates(`
  approve: { stage: build, script: ls, when: manual, allow_failure: false }
  free: { stage: deploy, script: ls, needs: [] }
  unit: { stage: test, script: ls }
  ship: { stage: deploy, script: ls, needs: [unit] }
  clean: { stage: deploy, script: ls, when: always }
`),
    ).toEqual({
      unit: { effect: "waits", manual: ["approve"] },
      ship: { effect: "waits", manual: ["approve"] },
      clean: { effect: "waits", manual: ["approve"] },
    });
  });

  test("is, of one that does not block, only what needs it", () => {
    expect(
      gates(`
  preview: { stage: build, script: ls, when: manual }
  unit: { stage: test, script: ls }
  look: { stage: test, script: ls, needs: [preview] }
  tell: { stage: deploy, script: ls, needs: [look] }
  clean: { stage: deploy, script: ls, needs: [preview], when: always }
`),
    ).toEqual({
      look: { effect: "skipped", manual: ["preview"] },
      tell: { effect: "skipped", manual: ["preview"] },
    });
  });

  test("is found at once in a chain of 10,000 jobs", () => {
    const chain = Array.from(
      { length: 10_000 },
      (_, index) =>
        `  j${index}: { stage: build, script: ls, ${index === 0 ? "when: manual, allow_failure: false" : `needs: [j${index - 1}]`} }\n`,
    );
    const plan = planOf(chain.join(""));
    const started = performance.now();
    expect(manualGates(plan).size).toBe(9999);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
