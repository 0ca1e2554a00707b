import { describe, expect, test } from "bun:test";
import { compositeStatus, type NormalState, runStatus } from "../../src/run/status.ts";

type Row = [states: NormalState[], status: NormalState];

/** GITLAB.md, "Status computation": one row per rule and per border between two rules. */
const STAGES: Row[] = [
  [[], "success"],
  [["skipped"], "skipped"],
  [["skipped", "ignored"], "skipped"],
  [["success", "skipped"], "success"],
  [["success", "warning", "ignored"], "success"],
  [["warning"], "success"],
  [["created"], "created"],
  [["created", "warning"], "created"],
  [["created", "success"], "running"],
  [["canceled", "success", "skipped", "warning"], "canceled"],
  [["canceled", "failed"], "failed"],
  [["pending"], "pending"],
  [["pending", "created", "skipped"], "pending"],
  [["pending", "success"], "running"],
  [["running", "failed"], "running"],
  [["waiting_for_resource", "success"], "waiting_for_resource"],
  [["manual", "success"], "manual"],
  [["manual", "created"], "manual"],
  [["manual", "running"], "running"],
  [["created", "failed"], "running"],
  [["failed", "success"], "failed"],
  [["failed", "skipped"], "failed"],
];

const NEEDS: Row[] = [
  [["success", "skipped"], "skipped"],
  [["success", "ignored"], "skipped"],
  [["running", "skipped"], "pending"],
  [["created"], "pending"],
  [["success", "warning"], "success"],
  [["success", "failed"], "failed"],
  [["canceled", "success"], "canceled"],
  [["failed", "running"], "pending"],
];

describe("the composite status", () => {
  for (const [states, status] of STAGES) {
    test(`of {${states.join(", ")}} is ${status}`, () => {
      expect(compositeStatus(states, { dag: false })).toBe(status);
    });
  }
  for (const [states, status] of NEEDS) {
    test(`of the needs {${states.join(", ")}} is ${status}`, () => {
      expect(compositeStatus(states, { dag: true })).toBe(status);
    });
  }
});

describe("the status of a run", () => {
  const job = (state: Parameters<typeof runStatus>[0][number]["state"], change = {}) => ({
    state,
    allowed: false,
    cancelRequested: false,
    ...change,
  });

  test("shows an assigned job as pending", () => {
    expect(runStatus([job("assigned"), job("created")])).toBe("pending");
  });

  test("is canceling as long as something that was told to stop is there", () => {
    expect(runStatus([job("running", { cancelRequested: true }), job("canceled")])).toBe("canceling");
    expect(runStatus([job("canceled", { cancelRequested: true }), job("success")])).toBe("canceled");
  });

  test("forgives an allowed failure and an allowed cancellation", () => {
    expect(runStatus([job("failed", { allowed: true }), job("success")])).toBe("success");
    expect(runStatus([job("canceled", { allowed: true }), job("success")])).toBe("success");
  });

  test("waits for a blocking manual job and not for one that does not block", () => {
    expect(runStatus([job("success"), job("manual")])).toBe("manual");
    expect(runStatus([job("success"), job("manual", { allowed: true })])).toBe("success");
  });
});
