import { describe, expect, test } from "bun:test";
import type { TraceJson } from "../../src/app/trace.ts";
import { toChromeTrace } from "../../src/cli/render/chrome-trace.ts";
import { createStyle } from "../../src/cli/render/style.ts";
import { renderTrace } from "../../src/cli/render/trace.ts";
import { expectChromeTrace } from "../support/chrome-trace.ts";

const TRACE: TraceJson = {
  run: { id: "r", number: 12, pipeline: "web", status: "success", executor: "docker" },
  startedAt: "2026-11-23T14:00:00.000Z",
  wallMs: 1_000,
  isOver: true,
  attempts: [
    {
      job: "build",
      stage: "build",
      attempt: 1,
      status: "success",
      worker: "w",
      isCritical: true,
      isMeasured: true,
      spans: [
        { phase: "queued", startMs: 100.0004, durationMs: 100.0001 },
        { phase: "start", startMs: 200.0005, durationMs: 99.9995 },
        { phase: "script", startMs: 300, durationMs: 500 },
        { phase: "cleanup", startMs: 850, durationMs: 150 },
      ],
    },
    {
      job: "li\u001b[31mnt",
      stage: "build",
      attempt: 2,
      status: "failed",
      worker: "w",
      isCritical: false,
      isMeasured: true,
      spans: [{ phase: "script", startMs: 200, durationMs: 200 }],
    },
  ],
  process: [
    { phase: "startup", startMs: 0, durationMs: 100 },
    { phase: "closing", startMs: 800, durationMs: 200 },
  ],
  criticalPath: [
    { job: null, attempt: null, phase: "startup", startMs: 0, durationMs: 100 },
    { job: "build", attempt: 1, phase: "queued", startMs: 100, durationMs: 100 },
    { job: "build", attempt: 1, phase: "start", startMs: 200, durationMs: 100 },
    { job: "build", attempt: 1, phase: "script", startMs: 300, durationMs: 500 },
    { job: null, attempt: null, phase: "closing", startMs: 800, durationMs: 200 },
  ],
  totals: [
    { phase: "startup", durationMs: 100 },
    { phase: "queued", durationMs: 100 },
    { phase: "start", durationMs: 100 },
    { phase: "script", durationMs: 500 },
    { phase: "closing", durationMs: 200 },
  ],
  sumMs: 1_000,
  notes: ["something is not known"],
};

describe("a trace for people", () => {
  test("has a bar per attempt, its phases, and the sum of the critical path", () => {
    expect(renderTrace(TRACE, 64, createStyle(false))).toBe(
      [
        "✓ web #12 success, 1.0s",
        "",
        "  cicd             uuuuu                               xxxxxxxxx",
        "* build                 ····sssss██████████████████████  ccccccc",
        "  li\\x1b[31mnt #2           █████████",
        "u startup  · queued  s start  █ script  c cleanup  x closing",
        "",
        "  job              queued  start  script  cleanup",
        "* build            100ms   100ms  500ms   150ms",
        "  li\\x1b[31mnt #2                 200ms",
        "",
        "critical path (*): build",
        "1.0s = startup 100ms + queued 100ms + start 100ms + script 500ms + closing 200ms",
        "something is not known",
        "",
      ].join("\n"),
    );
  });

  test("never gets wider than the terminal by its bars, and does without them where there is no room", () => {
    for (const columns of [40, 80, 200]) {
      const bars = renderTrace(TRACE, columns, createStyle(true)).split("\n\n")[1]!.split("\n");
      for (const line of bars) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
    }
    const narrow = renderTrace(TRACE, 30, createStyle(false));
    expect(narrow).not.toContain("█");
    expect(narrow).toContain("500ms");
  });
});

describe("a trace for a viewer", () => {
  test("has a row for the critical path, one for cicd and one per attempt", () => {
    const { traceEvents } = toChromeTrace(TRACE);
    expectChromeTrace(traceEvents);
    const rows = traceEvents.filter(({ name }) => name === "thread_name").map(({ args }) => args.name);
    expect(rows).toEqual(["critical path", "cicd", "build", "li\u001b[31mnt (attempt 2)"]);
    const build = traceEvents.find(({ cat, name }) => cat === "job" && name === "build");
    expect(build).toMatchObject({ ts: 100_000, dur: 900_000, args: { stage: "build", isCritical: true } });
  });
});
