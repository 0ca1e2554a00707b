import { expect } from "bun:test";
import type { ChromeEvent } from "../../src/cli/render/chrome-trace.ts";

/** Whatever a viewer relies on: fields and their kinds, names for each row, and slices of a row that nest. */
export function expectChromeTrace(events: ChromeEvent[]): void {
  const named = new Set(events.filter(({ name }) => name === "thread_name").map(({ tid }) => tid));
  for (const { ph, name, ts, dur, pid, tid } of events) {
    expect(["X", "M"]).toContain(ph);
    expect(name).toBeString();
    for (const number of [ts, dur, pid, tid]) expect(Number.isSafeInteger(number) && number >= 0).toBe(true);
    if (ph === "X") expect(named.has(tid)).toBe(true);
  }
  const rows = Map.groupBy(
    events.filter(({ ph }) => ph === "X"),
    ({ tid }) => tid,
  );
  for (const slices of rows.values()) {
    const open: number[] = [];
    for (const { ts, dur } of slices.toSorted((one, other) => one.ts - other.ts || other.dur - one.dur)) {
      while (open.length > 0 && open.at(-1)! <= ts) open.pop();
      expect(ts + dur).toBeLessThanOrEqual(open.at(-1) ?? Number.POSITIVE_INFINITY);
      open.push(ts + dur);
    }
  }
}
