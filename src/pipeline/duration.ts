const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** As GitLab's chronic_duration counts: a month is 30 days, a year 365.25. */
const UNITS: [milliseconds: number, names: string[]][] = [
  [SECOND, ["s", "sec", "secs", "second", "seconds"]],
  [MINUTE, ["m", "min", "mins", "minute", "minutes"]],
  [HOUR, ["h", "hr", "hrs", "hour", "hours"]],
  [DAY, ["d", "day", "days"]],
  [7 * DAY, ["w", "wk", "wks", "week", "weeks"]],
  [30 * DAY, ["mo", "mos", "month", "months"]],
  [365.25 * DAY, ["y", "yr", "yrs", "year", "years"]],
];

const UNIT_BY_NAME = new Map(
  UNITS.flatMap(([milliseconds, names]) => names.map((name) => [name, milliseconds])),
);

/** `3h 30m`, `1h30m`, `90 seconds`, `3 weeks and 2 days`, or a bare number of seconds. */
export const DURATION_PATTERN =
  "^\\s*(?:[0-9]{1,9}|(?:[0-9]{1,9}(?:\\.[0-9]{1,9})?\\s*[A-Za-z]+(?:\\s*,\\s*|\\s+and\\s+|\\s*))+)\\s*$";

/** Milliseconds of a duration in GitLab's notation; undefined where it is none. */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^\d{1,9}$/.test(trimmed)) return Number(trimmed) * SECOND;
  const part = /(\d{1,9}(?:\.\d{1,9})?)\s*([a-z]+)(?:\s*,\s*|\s+and\s+|\s*)/iy;
  let total = 0;
  while (part.lastIndex < trimmed.length) {
    const match = part.exec(trimmed);
    const unit = match === null ? undefined : UNIT_BY_NAME.get(match[2]!.toLowerCase());
    if (match === null || unit === undefined) return undefined;
    total += Number(match[1]) * unit;
  }
  return trimmed === "" ? undefined : Math.round(total);
}

/** Milliseconds as people write them: `1h 30m`, `45s`, `250ms`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < SECOND) return `${milliseconds}ms`;
  const parts: string[] = [];
  let rest = Math.round(milliseconds / SECOND) * SECOND;
  for (const [unit, name] of [
    [DAY, "d"],
    [HOUR, "h"],
    [MINUTE, "m"],
    [SECOND, "s"],
  ] as const) {
    const count = Math.floor(rest / unit);
    rest -= count * unit;
    if (count > 0) parts.push(`${count}${name}`);
  }
  return parts.join(" ");
}
