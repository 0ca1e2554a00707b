import { nextMoment } from "../pipeline/cron.ts";
import type { ScheduleRecord } from "../run/registry.ts";
import type { App } from "./app.ts";
import type { LoadedFile } from "./run-request.ts";

type NewSchedule = Omit<ScheduleRecord, "repositoryId">;

/**
 * Makes the schedules of a repository those of these files, which are all of its default branch. A pipeline whose file has
 * errors keeps what it had; where a file has errors and no readable name, all keep it that are in no other file.
 */
export async function syncSchedules(app: App, repositoryId: string, files: LoadedFile[]): Promise<void> {
  const registry = await app.registry();
  const broken = files.filter(({ pipeline }) => pipeline === undefined);
  const mayBeAny = broken.some(({ name }) => name === undefined);
  const isBroken = (named: string) => mayBeAny || broken.some(({ name }) => name?.value === named);
  const valid = new Set(files.flatMap(({ pipeline }) => pipeline?.name ?? []));
  const there = (await registry.listSchedules()).filter(
    ({ repositoryId: of, pipeline }) => of === repositoryId && !valid.has(pipeline) && isBroken(pipeline),
  );
  const wanted = files.flatMap((file) => schedulesOf(app, file));
  await registry.replaceSchedules(repositoryId, [...there.map(withoutRepository), ...wanted]);
}

function schedulesOf(app: App, { pipeline }: LoadedFile): NewSchedule[] {
  if (pipeline === undefined) return [];
  return pipeline.on.schedule.flatMap(({ cron, timezone, branch }) => {
    const nextAt = nextMoment(cron, timezone, app.now());
    if (nextAt === undefined) return [];
    return [{ id: app.newId(), pipeline: pipeline.name, cron, timezone, branch, nextAt }];
  });
}

function withoutRepository({ repositoryId: _, ...schedule }: ScheduleRecord): NewSchedule {
  return schedule;
}
