import type { PlannedJob } from "../plan/plan.ts";
import type { EpochMs } from "../run/records.ts";

/** An attempt as the critical path sees it. */
export interface Try {
  planned: PlannedJob;
  worker: string;
  queuedAt: EpochMs;
  assignedAt: EpochMs;
  endedAt: EpochMs;
}

/** `from`: since when nothing but this attempt was waited for. */
export interface Step<T extends Try> {
  attempt: T;
  from: EpochMs;
}

/**
 * From the attempt that ended last back over what each waited for: the slot that another one's end set free, or else the end that
 * let it be queued. Oldest first; the steps do not overlap.
 */
export function criticalPath<T extends Try>(attempts: readonly T[]): Step<T>[] {
  const slots = slotsByWorker(attempts);
  const path: Step<T>[] = [];
  const passed = new Set<T>();
  let current = latest(attempts);
  while (current !== undefined) {
    passed.add(current);
    const others = attempts.filter((other) => !passed.has(other));
    const before = slotGiver(current, others, attempts, slots);
    path.unshift({ attempt: current, from: before?.endedAt ?? current.queuedAt });
    current = before ?? trigger(current, others);
  }
  return path;
}

/** Whose end, while `attempt` was queued, let its worker claim it: all slots were taken until then. */
function slotGiver<T extends Try>(
  attempt: T,
  others: readonly T[],
  all: readonly T[],
  slots: Map<string, number>,
): T | undefined {
  const ended = others.filter(
    ({ worker, endedAt }) =>
      worker === attempt.worker && endedAt > attempt.queuedAt && endedAt <= attempt.assignedAt,
  );
  const last = latest(ended);
  if (last === undefined) return undefined;
  const active = all.filter(
    ({ worker, assignedAt, endedAt }) =>
      worker === attempt.worker && assignedAt < last.endedAt && endedAt >= last.endedAt,
  );
  return active.length >= slots.get(attempt.worker)! ? last : undefined;
}

/**
 * What ended at the moment it was queued, which the store decides at once: an earlier attempt of it, a need, another job. Where
 * nothing did, a person queued it, and whatever ended last before that comes next.
 */
function trigger<T extends Try>(attempt: T, others: readonly T[]): T | undefined {
  const ended = others.filter(({ endedAt }) => endedAt <= attempt.queuedAt);
  const last = latest(ended);
  if (last === undefined || last.endedAt < attempt.queuedAt) return last;
  const atOnce = ended.filter(({ endedAt }) => endedAt === last.endedAt);
  return (
    atOnce.find(({ planned }) => planned.name === attempt.planned.name) ??
    atOnce.find((other) => isAwaited(attempt.planned, other.planned)) ??
    last
  );
}

function isAwaited(job: PlannedJob, other: PlannedJob): boolean {
  return job.needs === null ? other.stageIndex < job.stageIndex : job.needs.includes(other.name);
}

function latest<T extends Try>(attempts: readonly T[]): T | undefined {
  let found: T | undefined;
  for (const each of attempts) {
    const isLater =
      found === undefined ||
      each.endedAt > found.endedAt ||
      (each.endedAt === found.endedAt && each.assignedAt > found.assignedAt);
    if (isLater) found = each;
  }
  return found;
}

/** The most that each worker had under way at once. */
function slotsByWorker(attempts: readonly Try[]): Map<string, number> {
  const moments = attempts.flatMap(({ worker, assignedAt, endedAt }) => [
    { worker, at: assignedAt, change: 1 },
    { worker, at: endedAt, change: -1 },
  ]);
  moments.sort((one, other) => one.at - other.at || one.change - other.change);
  const active = new Map<string, number>();
  const most = new Map<string, number>();
  for (const { worker, change } of moments) {
    const count = (active.get(worker) ?? 0) + change;
    active.set(worker, count);
    most.set(worker, Math.max(count, most.get(worker) ?? 0));
  }
  return most;
}
