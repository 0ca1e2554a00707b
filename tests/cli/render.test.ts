import { describe, expect, test } from "bun:test";
import { renderError, toCicdError } from "../../src/cli/errors.ts";
import { renderFinishedJob } from "../../src/cli/render/job-line.ts";
import { LastLines } from "../../src/cli/render/last-lines.ts";
import { createLocalTime, localTime } from "../../src/cli/render/local-time.ts";
import { LogLines } from "../../src/cli/render/log-lines.ts";
import { renderMarkdownReport, renderReport } from "../../src/cli/render/reports.ts";
import { renderRunHeader } from "../../src/cli/render/run-header.ts";
import { renderRunSummary } from "../../src/cli/render/run-summary.ts";
import { createStyle } from "../../src/cli/render/style.ts";
import { renderTable } from "../../src/cli/render/table.ts";
import { duration, printable, size, truncate, widthOf } from "../../src/cli/render/text.ts";
import { CicdError } from "../../src/errors/cicd-error.ts";
import { job, run, stage } from "./shapes.ts";

const PLAIN = createStyle(false);
const COLORED = createStyle(true);
const bytes = (text: string) => new TextEncoder().encode(text);

describe("text", () => {
  test("durations read as people write them", () => {
    expect([0, 84, 999, 1000, 3249, 59_949, 59_950, 65_000, 3_599_000, 7_380_000].map(duration)).toEqual([
      "0ms",
      "84ms",
      "999ms",
      "1.0s",
      "3.2s",
      "59.9s",
      "1m 00s",
      "1m 05s",
      "59m 59s",
      "2h 03m",
    ]);
  });

  test("sizes", () => {
    expect([0, 812, 1024, 3_565_158, 5 * 1024 ** 4].map(size)).toEqual([
      "0 B",
      "812 B",
      "1.0 KiB",
      "3.4 MiB",
      "5.0 TiB",
    ]);
  });

  test.each(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"])(
    "times of many rows are those of each row, in %s",
    (zone) => {
      const before = process.env.TZ;
      process.env.TZ = zone;
      try {
        const many = createLocalTime();
        const start = Date.UTC(2026, 0, 1);
        const times = Array.from({ length: 20_000 }, (_, n) => new Date(start + n * 1_577_791).toISOString());
        expect(times.map(many)).toEqual(times.map(localTime));
        expect(many("not a time")).toBe(localTime("not a time"));
      } finally {
        if (before === undefined) delete process.env.TZ;
        else process.env.TZ = before;
      }
      expect(localTime("2026-07-01T13:05:09.000Z")).toMatch(/^2026-07-0\d \d\d:\d\d:09$/);
    },
  );

  test("a name cannot command the terminal", () => {
    expect(printable("a\x1b[2Jb\r\n\x9bc\u202ed")).toBe("a\\x1b[2Jb\\x0d\\x0a\\x9bc\\u202ed");
    expect(printable("größe 構築 🚀")).toBe("größe 構築 🚀");
  });

  test("wide characters count two columns, colours none", () => {
    expect(truncate("構築構築構築", 7)).toBe("構築構…");
    expect(widthOf(truncate(COLORED.red("構築構築構築"), 7))).toBeLessThanOrEqual(7);
    expect(truncate("short", 5)).toBe("short");
    expect(truncate("short", 0)).toBe("");
  });

  test("tables align what is wide or coloured", () => {
    expect(
      renderTable([
        ["構築", "x"],
        [COLORED.red("abc"), "y"],
      ]),
    ).toBe(`構築  x\n${COLORED.red("abc")}   y\n`);
  });
});

describe("log lines", () => {
  test("are whole, whatever the pieces", () => {
    const text = "größe\n\nlast\r\nno end";
    const whole = bytes(text);
    for (let step = 1; step < 6; step++) {
      const log = new LogLines(false);
      const lines: string[] = [];
      for (let at = 0; at < whole.length; at += step) lines.push(...log.push(whole.slice(at, at + step)));
      lines.push(...log.end());
      expect(lines).toEqual(["größe", "", "last", "no end"]);
    }
  });

  test("carry a colour over to the next line and never beyond their own end", () => {
    const log = new LogLines(true);
    expect(log.push(bytes("\x1b[31mred\nstill\nback\x1b[0m to normal\nplain\n"))).toEqual([
      "\x1b[31mred\x1b[0m",
      "\x1b[31mstill\x1b[0m",
      "\x1b[31mback\x1b[0m to normal\x1b[0m",
      "plain",
    ]);
  });

  test("lose their colours where none are wanted", () => {
    expect(new LogLines(false).push(bytes("\x1b[1;38;5;12mx\x1b[m\n"))).toEqual(["x"]);
  });

  test("without an end are shown in pieces, so that memory stays bounded", () => {
    const log = new LogLines(false);
    const lines = log.push(bytes("x".repeat(200_000)));
    expect(lines.map((line) => line.length)).toEqual([65_536, 65_536, 65_536]);
    expect(log.end().join("").length).toBe(200_000 - 3 * 65_536);
  });

  test("the last twenty of a job are remembered", () => {
    const last = new LastLines();
    for (let index = 1; index <= 50; index++) last.add("unit", `line ${index}`);
    last.add("lint", "other");
    expect(last.of("unit")).toHaveLength(20);
    expect(last.of("unit").at(0)).toBe("line 31");
    last.forget("unit");
    expect(last.of("unit")).toEqual([]);
  });
});

describe("a job that is over", () => {
  const base = {
    name: "unit",
    allowed: false,
    exitCode: null,
    failureReason: null,
    message: null,
    durationMs: 3210,
  };
  test.each([
    [{ status: "success" }, "✓ unit 3.2s"],
    [{ status: "success", message: "dist/ matched no files" }, "✓ unit 3.2s dist/ matched no files"],
    [{ status: "failed", exitCode: 2, failureReason: "script_failure" }, "✗ unit 3.2s exit code 2"],
    [
      { status: "failed", exitCode: 2, failureReason: "script_failure", allowed: true },
      "! unit 3.2s exit code 2 (allowed)",
    ],
    [
      { status: "failed", failureReason: "job_timeout", message: "after 5m" },
      "✗ unit 3.2s job timeout: after 5m",
    ],
    [{ status: "failed", failureReason: "oom_killed", exitCode: 137 }, "✗ unit 3.2s oom killed"],
    [{ status: "canceled" }, "⊘ unit 3.2s canceled"],
    [{ status: "skipped", durationMs: null }, "⊘ unit skipped"],
  ] as const)("%o", (change, expected) => {
    expect(renderFinishedJob({ ...base, ...change }, PLAIN)).toBe(expected);
  });
});

describe("a run", () => {
  const failing = run({
    status: "failed",
    durationMs: 72_000,
    stages: [
      stage("build", [job("compile", "build", { durationMs: 12_100 })]),
      stage("test", [
        job("unit", "test", {
          status: "failed",
          exitCode: 1,
          failureReason: "script_failure",
          durationMs: 3200,
        }),
        job("lint", "test", {
          status: "failed",
          exitCode: 1,
          failureReason: "script_failure",
          allowFailure: true,
        }),
      ]),
      stage("deploy", [job("ship", "deploy", { status: "skipped", durationMs: null, startedAt: null })]),
    ],
  });

  test("is summed up with a row per job", () => {
    expect(renderRunSummary(failing, new Map([["compile", "dist/ matched no files"]]), PLAIN)).toBe(
      [
        "  build   ✓ compile  12.1s  dist/ matched no files",
        "  test    ✗ unit     3.2s   exit code 1",
        "          ! lint     1.0s   exit code 1 (allowed)",
        "  deploy  ⊘ ship            skipped",
        "✗ web #12 failed in 1m 12s",
        "",
      ].join("\n"),
    );
  });

  test("is reported as a table and as Markdown", () => {
    const table = renderReport({ run: failing }, PLAIN);
    expect(table).toBe(
      [
        "web #12 of repo (main, 01234567, failed)",
        "STAGE   JOB      STATUS              DURATION  ATTEMPT  IMAGE    NOTE",
        "build   compile  ✓ success           12.1s              node:22",
        "test    unit     ✗ failed            3.2s               node:22  exit code 1",
        "        lint     ! failed (allowed)  1.0s               node:22  exit code 1 (allowed)",
        "deploy  ship     ⊘ skipped                              node:22",
        "",
      ].join("\n"),
    );
    const markdown = renderMarkdownReport({ run: failing }).split("\n");
    expect(markdown.slice(0, 5)).toEqual([
      "## web #12 of repo (main, 01234567, failed)",
      "",
      "| STAGE | JOB | STATUS | DURATION | ATTEMPT | IMAGE | NOTE |",
      "| --- | --- | --- | --- | --- | --- | --- |",
      "| build | compile | ✓ success | 12.1s |  | node:22 |  |",
    ]);
  });

  test("in Markdown no name can break out of its cell", () => {
    const evil = run({ branch: "a|b](x)<script>" });
    expect(renderMarkdownReport({ runs: [evil] })).toContain("a\\|b\\](x)\\<script\\>");
  });

  test("is headed by what it was taken from", () => {
    const source = {
      commit: "0123456789abcdef",
      commitMessage: "Fix \x1b[31mthe parser",
      dirtyFiles: { modified: 2, untracked: 1 },
    };
    const header = renderRunHeader(run(source), PLAIN);
    expect(header).toBe(
      "web #12 · main · 01234567 Fix \\x1b[31mthe parser · 2 modified, 1 untracked · docker",
    );
  });
});

describe("an error", () => {
  test("is one line with its code, and a hint", () => {
    const error = new CicdError("GIT_FAILED", "git said \x1b[2Jno", { hint: "try again" });
    expect(renderError(error, { style: PLAIN, isVerbose: false })).toBe(
      "cicd: git said \\x1b[2Jno [GIT_FAILED]\n  hint: try again\n",
    );
  });

  test("that nobody expected is INTERNAL, with a stack only when asked for", () => {
    const error = toCicdError(new TypeError("x is not a function"));
    expect(renderError(error, { style: PLAIN, isVerbose: false })).toStartWith(
      "cicd: x is not a function [INTERNAL]\n",
    );
    expect(renderError(error, { style: PLAIN, isVerbose: false })).not.toContain("render.test.ts");
    expect(renderError(error, { style: PLAIN, isVerbose: true })).toContain("render.test.ts");
  });
});
