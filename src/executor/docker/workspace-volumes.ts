import { assertNever } from "../../errors/assert-never.ts";
import type { AttemptSpec } from "../../run/executor.ts";
import type { LayerPath } from "../../run/workspace.ts";
import { callEngine, type Engine } from "./connection.ts";
import { ask, askLeniently } from "./engine-error.ts";
import { attemptLabels } from "./labels.ts";
import { planOverlay } from "./overlay.ts";

/** `overlay`: layers are mounted, at the same cost for any size. `copy`: they are sent to the engine as a tar. */
export type WorkspaceMode = "overlay" | "copy";

/** A volume to mount as the workspace, and the layers that must still be copied into it, lowest first. */
export interface PreparedWorkspace {
  volume: string;
  toCopy: LayerPath[];
  /** The volume into which nothing but the job's writes go, where there is one. */
  writes?: string;
}

/**
 * Makes the volumes of an attempt. In overlay mode three: the job's writes (`-upper`), overlayfs' scratch space
 * (`-work`), and the mount of both over the layers (`-workspace`). All carry the attempt's labels.
 */
export async function makeWorkspace(
  engine: Engine,
  mode: WorkspaceMode,
  spec: Pick<AttemptSpec, "name" | "labels" | "layers">,
): Promise<PreparedWorkspace> {
  const labels = attemptLabels(spec.labels);
  const names = workspaceVolumes(spec.name);
  switch (mode) {
    case "copy":
      await createVolume(engine, names.workspace, labels);
      return { volume: names.workspace, toCopy: spec.layers };
    case "overlay": {
      const [upper, work] = await Promise.all([
        createVolume(engine, names.upper, labels),
        createVolume(engine, names.work, labels),
      ]);
      const { options, rest } = planOverlay(spec.layers, upper, work);
      const driverOptions = options === undefined ? {} : { type: "overlay", device: "overlay", o: options };
      await createVolume(engine, names.workspace, labels, driverOptions);
      const isMounted = options !== undefined && rest.length === 0;
      return { volume: names.workspace, toCopy: rest, ...(isMounted && { writes: names.upper }) };
    }
    default:
      return assertNever(mode);
  }
}

/** Removes what `makeWorkspace` made, and what of it there is. */
export async function removeWorkspace(engine: Engine, name: string): Promise<void> {
  await Promise.all(Object.values(workspaceVolumes(name)).map((volume) => removeVolume(engine, volume)));
}

const BUSY_TRIES = 40;
const BUSY_PAUSE_MS = 50;

/** The engine unmounts a little after it said that the container is gone: "in use" and "busy" are tried again. */
export async function removeVolume(engine: Engine, name: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      const answer = engine.docker.getVolume(name).remove();
      await askLeniently(engine.host, `remove the volume ${name}`, answer, [404]);
      return;
    } catch (error) {
      if (tries === BUSY_TRIES || !isInUse(error)) throw error;
      await Bun.sleep(BUSY_PAUSE_MS);
    }
  }
}

export function isInUse(error: unknown): boolean {
  return /in use|busy/i.test(String(error));
}

/** Returns the directory in which the engine keeps the volume. Asked directly: dockerode drops that from the answer. */
export async function createVolume(
  engine: Engine,
  name: string,
  labels: Record<string, string>,
  driverOptions: Record<string, string> = {},
): Promise<string> {
  const created = await ask(
    engine.host,
    `create the volume ${name}`,
    callEngine(engine, {
      path: "/volumes/create",
      method: "POST",
      options: { Name: name, Driver: "local", Labels: labels, DriverOpts: driverOptions },
      statusCodes: { 200: true, 201: true, 500: "server error" },
    }) as Promise<{ Mountpoint: string }>,
  );
  return created.Mountpoint;
}

function workspaceVolumes(name: string) {
  return { upper: `${name}-upper`, work: `${name}-work`, workspace: `${name}-workspace` };
}
