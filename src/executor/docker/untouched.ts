import { lstat } from "node:fs/promises";
import { join } from "node:path";
import type { AttemptSpec, FileSelection } from "../../run/executor.ts";
import type { LayerPath } from "../../run/workspace.ts";
import { selectFiles } from "../selection/selection.ts";
import type { Engine } from "./connection.ts";
import { WORKSPACE } from "./container-options.ts";
import { postContainer } from "./create-container.ts";
import { ask, askLeniently } from "./engine-error.ts";
import { attemptLabels } from "./labels.ts";

/** What a job wrote, and how it is looked at: an image that is there, and the volume that overlayfs puts its writes into. */
export interface Writes {
  image: string;
  volume: string;
}

const UPPER = "/.cicd-upper";

/**
 * A container that is never started, in which the engine shows what the job wrote. Returns its id; removed like the attempt's own,
 * by its labels, or by whoever made it.
 */
export async function makeView(
  engine: Engine,
  { name, labels, job }: Pick<AttemptSpec, "name" | "labels" | "job">,
  { image, volume }: Writes,
): Promise<string> {
  const container = {
    Image: image,
    Entrypoint: ["none"],
    Cmd: [],
    Labels: attemptLabels(labels),
    HostConfig: {
      NetworkMode: "none",
      LogConfig: { Type: "none", Config: {} },
      Mounts: [
        {
          ...{ Type: "volume" as const, Source: volume, Target: UPPER, ReadOnly: true },
          VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: "", Options: {} } },
        },
      ],
    },
  };
  const made = postContainer(engine, `${name}-view`, container, job.image?.platform);
  return await ask(engine.host, "create a container", made);
}

/**
 * Whether the selection finds in the workspace what it finds in this layer: no other layer has anything at its paths, and the job has
 * written nothing there, neither a file nor that something is gone. That is asked of directories, at the same cost for any number
 * of files. A job that wrote beside a path, in a directory above it, may have put another in its place: false.
 */
export async function isUntouched(
  engine: Engine,
  view: string,
  { layers }: Pick<AttemptSpec, "layers">,
  layer: LayerPath,
  wanted: FileSelection,
): Promise<boolean> {
  const { roots } = selectFiles(wanted, WORKSPACE);
  if (roots.length === 0 || roots.includes("")) return false;
  for (const root of roots) {
    const wayDown = withParents(root);
    if (!(await hasDirectories(layer, wayDown))) return false;
    for (const other of new Set(layers))
      if (other !== layer && (await hasAny(other, root, wayDown))) return false;
  }
  const asked = new Set(roots.flatMap(withParents));
  const written = await Promise.all([...asked].map((path) => isInView(engine, view, path)));
  return !written.includes(true);
}

function withParents(path: string): string[] {
  const segments = path.split("/");
  return segments.map((_, index) => segments.slice(0, index + 1).join("/"));
}

async function hasDirectories(layer: LayerPath, paths: string[]): Promise<boolean> {
  const found = await Promise.all(paths.map((path) => lstat(join(layer, path)).catch(() => undefined)));
  return found.every((stats) => stats?.isDirectory() === true);
}

/** Something at `root`, or something else than a directory on the way there. */
async function hasAny(layer: LayerPath, root: string, wayDown: string[]): Promise<boolean> {
  for (const path of wayDown) {
    const stats = await lstat(join(layer, path)).catch(() => undefined);
    if (stats === undefined) return false;
    if (path === root || !stats.isDirectory()) return true;
  }
  return false;
}

async function isInView(engine: Engine, view: string, path: string): Promise<boolean> {
  const answer = engine.docker.getContainer(view).infoArchive({ path: `${UPPER}/${path}` });
  return (await askLeniently(engine.host, `look at ${path}`, answer, [404])) !== undefined;
}
