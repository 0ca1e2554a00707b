import type Dockerode from "dockerode";
import type { AttemptLabels, SweepResult } from "../../run/executor.ts";
import type { Engine } from "./connection.ts";
import { ask, askLeniently } from "./engine-error.ts";
import { instanceFilter, readAttemptLabels, readOwner, readProbeTime } from "./labels.ts";
import { removeContainer } from "./removal.ts";
import { isInUse, removeVolume } from "./workspace-volumes.ts";

/**
 * The engine may still be making what a process asked for just before it died: after a round that found something, it is
 * looked once more.
 */
const ROUNDS = 5;
/** A probe takes a second; what is older was left by a process that died. */
const PROBE_MS = 60_000;

/** Who is asked whether something still belongs to somebody: attempts by their labels, processes by their names. */
export interface Judges {
  isLive: (labels: AttemptLabels) => Promise<boolean>;
  isOwnerAlive: (owner: string) => Promise<boolean>;
}

/**
 * Removes this instance's containers, then volumes, then networks of attempts that `isLive` denies, the sandboxes of dead
 * processes, and what dead probes left. `now`: milliseconds since 1970.
 */
export async function sweepInstance(
  engine: Engine,
  instance: string,
  { isLive, isOwnerAlive }: Judges,
  now: number,
): Promise<SweepResult> {
  const isDead = rememberVerdicts(isLive, now);
  let containers = 0;
  let volumes = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    const removed = await sweepContainers(engine, instance, isDead, isOwnerAlive);
    const { gone, busy } = await sweepVolumes(engine, instance, isDead, round === ROUNDS);
    containers += removed;
    volumes += gone;
    if (removed + gone + busy === 0) break;
  }
  const networks = await sweepNetworks(engine, instance, isDead);
  await sweepProbeImages(engine, instance, now);
  return { containers, networks, volumes, directories: 0 };
}

type IsDead = (labels: Record<string, string> | null | undefined) => Promise<boolean>;

/** Asks once per attempt: an attempt has a container and up to three volumes. */
function rememberVerdicts(isLive: (labels: AttemptLabels) => Promise<boolean>, now: number): IsDead {
  const verdicts = new Map<string, Promise<boolean>>();
  return async (labels) => {
    const probedAt = readProbeTime(labels);
    if (probedAt !== undefined) return now - probedAt > PROBE_MS;
    const attempt = readAttemptLabels(labels);
    if (attempt === undefined) return false;
    const key = JSON.stringify([attempt.run, attempt.job, attempt.attempt]);
    const verdict = verdicts.get(key) ?? isLive(attempt);
    verdicts.set(key, verdict);
    return !(await verdict);
  };
}

/** A dead process's sandbox stays for as long as the container of a live attempt, adopted by somebody, is in it. */
async function sweepContainers(
  engine: Engine,
  instance: string,
  isDead: IsDead,
  isOwnerAlive: (owner: string) => Promise<boolean>,
): Promise<number> {
  const listed = await ask(
    engine.host,
    "list the containers",
    engine.docker.listContainers({ all: true, filters: instanceFilter(instance) }),
  );
  const isSandbox = ({ Labels }: Dockerode.ContainerInfo) => readOwner(Labels) !== undefined;
  const sandboxes = listed.filter(isSandbox);
  const jobs = listed.filter((container) => !isSandbox(container));
  const areDead = await Promise.all(jobs.map(({ Labels }) => isDead(Labels)));
  const joined = new Set(
    jobs.filter((_, index) => !areDead[index]).map(({ HostConfig }) => HostConfig.NetworkMode),
  );
  const unused = sandboxes.filter(({ Id }) => !joined.has(`container:${Id}`));
  const owners = new Set(unused.map(({ Labels }) => readOwner(Labels)!));
  const verdicts = await Promise.all(
    [...owners].map(async (owner) => [owner, await isOwnerAlive(owner)] as const),
  );
  const isAlive = new Map(verdicts);
  const left = unused.filter(({ Labels }) => isAlive.get(readOwner(Labels)!) === false);
  const dead = [...jobs.filter((_, index) => areDead[index]), ...left];
  await Promise.all(dead.map(({ Id }) => removeContainer(engine, Id)));
  return dead.length;
}

/** `busy`: volumes of containers that have come up since; in the last round they are an error. */
async function sweepVolumes(
  engine: Engine,
  instance: string,
  isDead: IsDead,
  isLast: boolean,
): Promise<{ gone: number; busy: number }> {
  const { Volumes } = await ask(
    engine.host,
    "list the volumes",
    engine.docker.listVolumes({ filters: instanceFilter(instance) }),
  );
  let busy = 0;
  const remove = async (name: string) => {
    try {
      await removeVolume(engine, name);
    } catch (error) {
      if (isLast || !isInUse(error)) throw error;
      busy += 1;
    }
  };
  const all = (Volumes ?? []).map(({ Name, Labels }) => ({ labels: Labels, remove: () => remove(Name) }));
  return { gone: (await removeDead(all, isDead)) - busy, busy };
}

/** A network per run is labelled with the attempt that made it; others of its run may use it, so it must be empty too (403, 409). */
async function sweepNetworks(engine: Engine, instance: string, isDead: IsDead): Promise<number> {
  const listed = await ask(
    engine.host,
    "list the networks",
    engine.docker.listNetworks({ filters: instanceFilter(instance) }),
  );
  return await removeDead(
    listed.map(({ Id, Labels }) => ({
      labels: Labels,
      remove: async () => {
        const removed = engine.docker.getNetwork(Id).remove();
        await askLeniently(engine.host, "remove a network", removed, [403, 404, 409]);
      },
    })),
    isDead,
  );
}

async function sweepProbeImages(engine: Engine, instance: string, now: number): Promise<void> {
  const listed = await ask(
    engine.host,
    "list the images",
    engine.docker.listImages({ filters: instanceFilter(instance) }),
  );
  const left = listed.filter(({ Labels }) => now - (readProbeTime(Labels) ?? now) > PROBE_MS);
  await Promise.all(
    left.map(({ Id }) => {
      const removed = engine.docker.getImage(Id).remove({ force: true });
      return askLeniently(engine.host, "remove an image", removed, [404, 409]);
    }),
  );
}

async function removeDead(
  objects: { labels: Record<string, string> | null | undefined; remove: () => Promise<void> }[],
  isDead: IsDead,
): Promise<number> {
  const removed = await Promise.all(
    objects.map(async ({ labels, remove }) => {
      if (!(await isDead(labels))) return 0;
      await remove();
      return 1;
    }),
  );
  return removed.reduce<number>((sum, one) => sum + one, 0);
}
