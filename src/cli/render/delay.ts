import { formatDuration } from "../../pipeline/duration.ts";
import { localTime } from "./local-time.ts";

/** `starts at 14:05 (in 3m)`, with the day where it is another one. Both times in milliseconds since 1970. */
export function renderDelay(until: number, now: number): string {
  const [day, time] = localTime(new Date(until).toISOString()).split(" ") as [string, string];
  const [today] = localTime(new Date(now).toISOString()).split(" ");
  return `starts at ${day === today ? "" : `${day} `}${time.slice(0, 5)} (in ${formatDuration(until - now)})`;
}
