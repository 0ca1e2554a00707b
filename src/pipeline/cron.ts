import type { TextProblem } from "./names.ts";

const FIELD = "[0-9A-Za-z*,/-]+";

/** Five fields, as in crontab(5): minute, hour, day of the month, month, day of the week. */
export const CRON_PATTERN = `^\\s*${FIELD}(?:\\s+${FIELD}){4}\\s*$`;

const HINT = 'five fields - minute, hour, day, month, weekday - such as "30 5 * * 1-5"';

/** Says what is wrong with a cron expression, or undefined. */
export function cronProblem(expression: string): TextProblem | undefined {
  const shown = expression.slice(0, 80);
  if (expression.length > 255 || !new RegExp(CRON_PATTERN).test(expression) || hasOtherLetters(expression)) {
    return { message: `"${shown}" is not a cron expression`, hint: HINT };
  }
  try {
    if (nextMoment(expression, "UTC", 0) !== undefined) return undefined;
    return { message: `the moment of "${shown}" never comes`, hint: "no month has such a day" };
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^CronPattern: /, "") : String(error);
    return { message: `"${shown}" is not a cron expression: ${why}`, hint: HINT };
  }
}

/** Names of months and days are the only letters of crontab(5). */
function hasOtherLetters(expression: string): boolean {
  const names = /^(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)$/i;
  return (expression.match(/[A-Za-z]+/g) ?? []).some((word) => !names.test(word));
}

/**
 * When it next falls due after `after` (milliseconds since 1970); undefined: never. Where clocks are put forward, a fixed time
 * that is left out falls due right after the gap; where they are put back, it falls due once. Throws on a wrong expression
 * or time zone.
 */
export function nextMoment(expression: string, timezone: string, after: number): number | undefined {
  // Few pipelines have a schedule: the library is loaded for the first that does.
  const { Cron } = require("croner") as typeof import("croner");
  const cron = new Cron(expression.trim(), { paused: true, mode: "5-part", timezone });
  return cron.nextRun(new Date(after))?.getTime();
}

/** Says what is wrong with the name of a time zone, or undefined. */
export function timezoneProblem(
  name: string,
  suggest: (names: string[]) => string | undefined,
): TextProblem | undefined {
  if (/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name) && isKnownZone(name)) return undefined;
  const hint = suggest(Intl.supportedValuesOf("timeZone")) ?? "write a name such as Europe/Berlin, or UTC";
  return { message: `there is no time zone "${name.slice(0, 80)}"`, hint };
}

function isKnownZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
