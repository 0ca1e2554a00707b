import { describe, expect, test } from "bun:test";
import { nextMoment } from "../../src/pipeline/cron.ts";

/** The next moments after one, in UTC. */
function moments(cron: string, timezone: string, after: string, count: number): string[] {
  const found: string[] = [];
  for (let at = Date.parse(after); found.length < count; ) {
    at = nextMoment(cron, timezone, at)!;
    found.push(new Date(at).toISOString().slice(0, 16));
  }
  return found;
}

describe("the moments of a schedule", () => {
  test("are those of its time zone, in summer and winter", () => {
    expect(moments("30 5 * * 1-5", "Europe/Berlin", "2026-03-26T12:00Z", 3)).toEqual([
      "2026-03-27T04:30",
      "2026-03-30T03:30",
      "2026-03-31T03:30",
    ]);
    expect(moments("0 12 * * *", "Asia/Kolkata", "2026-01-01T00:00Z", 1)).toEqual(["2026-01-01T06:30"]);
    expect(moments("0 12 * * *", "UTC", "2026-01-01T12:00Z", 1)).toEqual(["2026-01-02T12:00"]);
  });

  test("that fall into the gap when clocks are put forward come right after it", () => {
    // 2026-03-29, 2:00 → 3:00 in Berlin.
    expect(moments("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", 2)).toEqual([
      "2026-03-29T01:00",
      "2026-03-30T00:30",
    ]);
  });

  test("that come twice when clocks are put back come once", () => {
    // 2026-10-25, 3:00 → 2:00 in Berlin.
    expect(moments("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", 2)).toEqual([
      "2026-10-25T00:30",
      "2026-10-26T01:30",
    ]);
  });

  test("at an interval are as far apart as ever when clocks are changed", () => {
    expect(moments("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:59Z", 5)).toEqual([
      "2026-10-25T00:00",
      "2026-10-25T00:30",
      "2026-10-25T01:00",
      "2026-10-25T01:30",
      "2026-10-25T02:00",
    ]);
    expect(moments("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:30Z", 2)).toEqual([
      "2026-03-29T01:00",
      "2026-03-29T01:30",
    ]);
  });

  test("are on a day of the month or of the week where both are given, as in crontab(5)", () => {
    expect(moments("0 0 1 * mon", "UTC", "2026-05-30T00:00Z", 3)).toEqual([
      "2026-06-01T00:00",
      "2026-06-08T00:00",
      "2026-06-15T00:00",
    ]);
    expect(moments("0 0 29 2 *", "UTC", "2026-03-01T00:00Z", 1)).toEqual(["2028-02-29T00:00"]);
    expect(moments("0 0 * * 7", "UTC", "2026-11-23T00:00Z", 1)).toEqual(["2026-11-29T00:00"]);
  });
});
