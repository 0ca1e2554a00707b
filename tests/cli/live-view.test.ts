import { describe, expect, test } from "bun:test";
import { createStyle } from "../../src/cli/render/style.ts";
import { widthOf } from "../../src/cli/render/text.ts";
import { type LiveState, type RunningJob, renderLiveBlock } from "../../src/cli/view/live-block.ts";

const PLAIN = createStyle(false);
const SIZE = { columns: 60, rows: 24 };

const running = (name: string, change: Partial<RunningJob> = {}): RunningJob => ({
  name,
  stage: "test",
  startedAt: 0,
  lastLine: "",
  ...change,
});

const state = (change: Partial<LiveState> = {}): LiveState => ({
  running: [],
  total: 4,
  finished: 1,
  note: undefined,
  ...change,
});

describe("the changing part of the live view", () => {
  test("has a line per running job, with its stage, time and last words, and one about the rest", () => {
    const jobs = [
      running("unit", { lastLine: "\x1b[32mok\x1b[0m 12" }),
      running("integration", { startedAt: 9000 }),
    ];
    expect(renderLiveBlock(state({ running: jobs }), SIZE, 12_300, PLAIN)).toEqual([
      "● unit         test   12.3s  ok 12",
      "● integration  test    3.3s",
      "  1 of 4 jobs done · 1 waiting",
    ]);
  });

  test("says what an interrupt has begun", () => {
    const narrow = { columns: 40, rows: 24 };
    const lines = renderLiveBlock(state({ note: "canceling, Ctrl-C again to kill" }), narrow, 0, PLAIN);
    expect(lines).toEqual(["  1 of 4 jobs done · 3 waiting", "  canceling, Ctrl-C again to kill"]);
  });

  test("is never as wide as the terminal, whatever a job prints", () => {
    const jobs = [
      running("構築".repeat(40), { lastLine: "x".repeat(500) }),
      running("b\x1b[2J", { lastLine: "\x1b[31m構築".repeat(100), stage: "s".repeat(100) }),
    ];
    for (const columns of [1, 7, 20, 60, 200]) {
      for (const line of renderLiveBlock(
        state({ running: jobs }),
        { columns, rows: 24 },
        0,
        createStyle(true),
      )) {
        expect(widthOf(line)).toBeLessThan(Math.max(2, columns));
      }
    }
  });

  test("is never as high as the terminal, however many jobs run", () => {
    const jobs = Array.from({ length: 50 }, (_, index) => running(`j${index}`));
    const lines = renderLiveBlock(state({ running: jobs, total: 60 }), { columns: 60, rows: 10 }, 0, PLAIN);
    expect(lines).toHaveLength(8);
    expect(lines.at(-2)).toBe("  and 44 more");
    const noted = state({ running: jobs, total: 60, note: "canceling" });
    expect(renderLiveBlock(noted, { columns: 60, rows: 10 }, 0, PLAIN)).toHaveLength(8);
  });
});
