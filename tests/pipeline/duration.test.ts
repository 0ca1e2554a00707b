import { expect, test } from "bun:test";
import { DURATION_PATTERN, formatDuration, parseDuration } from "../../src/pipeline/duration.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The examples of GitLab's documentation, and the forms its users write. */
const DURATIONS: Record<string, number> = {
  "42": 42 * SECOND,
  "42 seconds": 42 * SECOND,
  "3 mins 4 sec": 3 * MINUTE + 4 * SECOND,
  "2 hrs 20 min": 2 * HOUR + 20 * MINUTE,
  "2h20min": 2 * HOUR + 20 * MINUTE,
  "6 mos 1 day": 181 * DAY,
  "47 yrs 6 mos and 4d": 47 * 365.25 * DAY + 184 * DAY,
  "3 weeks and 2 days": 23 * DAY,
  "3h 30m": 3 * HOUR + 30 * MINUTE,
  "1h30m": 90 * MINUTE,
  "1 day": DAY,
  "1.5 hours": 90 * MINUTE,
  "1 HOUR, 5 Minutes": 65 * MINUTE,
  " 10m ": 10 * MINUTE,
  "0": 0,
};
for (const [text, milliseconds] of Object.entries(DURATIONS)) {
  test(`"${text}" is ${formatDuration(milliseconds)}`, () => {
    expect(parseDuration(text)).toBe(milliseconds);
    expect(text).toMatch(new RegExp(DURATION_PATTERN));
  });
}

for (const text of [
  "",
  " ",
  "m",
  "5k",
  "1h 5",
  "-5s",
  "1:30",
  "one hour",
  "5 m m",
  "1..5h",
  "and 5m",
  "٣h",
  "1e3s",
]) {
  test(`"${text}" is no duration`, () => expect(parseDuration(text)).toBeUndefined());
}

test("long nonsense is refused at once", () => {
  const started = performance.now();
  expect(parseDuration(`${"1h".repeat(100_000)}!`)).toBeUndefined();
  expect(new RegExp(DURATION_PATTERN).test(`${"1h ".repeat(20_000)}!`)).toBe(false);
  expect(performance.now() - started).toBeLessThan(1000);
});

test("durations are written as people read them", () => {
  expect([250, 45 * SECOND, 90 * MINUTE, DAY + MINUTE].map(formatDuration)).toEqual([
    "250ms",
    "45s",
    "1h 30m",
    "1d 1m",
  ]);
});
