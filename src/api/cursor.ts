import type { LogPosition } from "../app/follow-log.ts";
import type { FollowCursor } from "../app/follow-run.ts";
import type { RunJson } from "../app/shapes.ts";

const NUMBER = String.raw`(0|[1-9]\d{0,14})`;
const EVENT = new RegExp(`^${NUMBER}$`);
const LOG = new RegExp(String.raw`^${NUMBER}\.${NUMBER}\.${NUMBER}$`);
const LOG_ID = new RegExp(String.raw`^${NUMBER}\.${NUMBER}$`);
const MAX_LOGS = 2_000;

/** The jobs of a run in the order that cursors count them in. */
export function jobNamesOf(run: Pick<RunJson, "stages">): string[] {
  return run.stages.flatMap(({ jobs }) => jobs.map(({ name }) => name));
}

/** `EVENT[;JOB.ATTEMPT.OFFSET]...`: an SSE id of a run's events; jobs by their index in `jobNames`. */
export function encodeFollowCursor(cursor: FollowCursor, jobNames: string[]): string {
  const indexes = new Map(jobNames.map((name, index) => [name, index]));
  const logs = cursor.logs.flatMap(({ job, attempt, offset }) => {
    const index = indexes.get(job);
    return index === undefined ? [] : [`${index}.${attempt}.${offset}`];
  });
  return [cursor.event, ...logs].join(";");
}

/** Undefined: it is none of this run's. */
export function decodeFollowCursor(text: string, jobNames: string[]): FollowCursor | undefined {
  const [event, ...rest] = text.split(";");
  if (!EVENT.test(event!) || rest.length > MAX_LOGS) return undefined;
  const logs: FollowCursor["logs"] = [];
  for (const part of rest) {
    const match = LOG.exec(part);
    const job = match === null ? undefined : jobNames[Number(match[1])];
    if (match === null || job === undefined) return undefined;
    logs.push({ job, attempt: Number(match[2]), offset: Number(match[3]) });
  }
  return { event: Number(event), logs };
}

/** `ATTEMPT.OFFSET`: an SSE id of one job's log. */
export function encodeLogCursor({ attempt, offset }: LogPosition): string {
  return `${attempt}.${offset}`;
}

export function decodeLogCursor(text: string): LogPosition | undefined {
  const match = LOG_ID.exec(text);
  return match === null ? undefined : { attempt: Number(match[1]), offset: Number(match[2]) };
}
