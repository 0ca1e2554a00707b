import type { Bench } from "./bench.ts";
import { type Summary, summarize } from "./statistics.ts";

export type Unit = "ms" | "MB";

/** One of the things that a row compares, with everything measured of it. */
export interface Side extends Summary {
  name: string;
  unit: Unit;
  samples: number[];
}

/** One claim, and what came of it. */
export interface Finding {
  what: string;
  /** What must be reached, for people. */
  goal: string;
  sides: Side[];
  /** The figure that is held against the goal, for people. */
  result: string;
  /** The same as a number: a ratio, or in the unit of the sides. */
  value: number;
  limit: number;
  holds: boolean;
}

/** A row of the table of goals; it may make several claims. */
export interface Row {
  name: string;
  title: string;
  /** Takes seconds, not minutes: part of `--quick`. */
  isCheap: boolean;
  measure(bench: Bench): Promise<Finding[]>;
}

/** A row cannot be measured here; the message says what it lacks. */
export class NotMeasurable extends Error {}

export function sideOf(name: string, unit: Unit, samples: number[]): Side {
  return { name, unit, samples, ...summarize(samples) };
}

/** `side` takes at most `limit` times what `reference` takes. */
export function atMostTimes(what: string, side: Side, reference: Side, limit: number): Finding {
  const value = side.median / reference.median;
  return {
    ...{ what, sides: [side, reference], value, limit, holds: value <= limit },
    goal: `≤ ${limit} × ${reference.name}`,
    result: `${value.toFixed(2)} ×`,
  };
}

/** `side` is at least `limit` times as fast as `rival`. */
export function timesFaster(what: string, side: Side, rival: Side, limit: number): Finding {
  const value = rival.median / side.median;
  return {
    ...{ what, sides: [side, rival], value, limit, holds: value >= limit },
    goal: `≥ ${limit} × faster`,
    result: `${value.toFixed(1)} × faster`,
  };
}

/** What counts of `side` is its median, or the figure given. */
export function atMost(what: string, side: Side, limit: number, value = side.median): Finding {
  return {
    ...{ what, sides: [side], value, limit, holds: value <= limit },
    goal: `≤ ${limit} ${side.unit}`,
    result: `${value.toFixed(value < 100 ? 1 : 0)} ${side.unit}`,
  };
}

/** A claim without a time: it is so, or it is not. */
export function isSo(what: string, goal: string, holds: boolean, result: string): Finding {
  return { what, goal, sides: [], result, value: Number(holds), limit: 1, holds };
}
