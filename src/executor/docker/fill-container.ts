import type { Readable } from "node:stream";
import { CicdError, messageOf } from "../../errors/cicd-error.ts";
import type { LayerPath } from "../../run/workspace.ts";
import { makeArchive, packLayers } from "./archives.ts";
import type { Engine } from "./connection.ts";
import { type Launch, WORKSPACE } from "./container-options.ts";
import type { Place } from "./create-container.ts";
import { ask } from "./engine-error.ts";

/** Puts into the created container what no mount brings: copied layers, a long script, a workspace a user other than root may write to. */
export async function fillContainer(
  engine: Engine,
  containerId: string,
  { workspace, user }: Pick<Place, "workspace"> & { user: string },
  launch: Launch,
  signal: AbortSignal,
): Promise<void> {
  const directory = WORKSPACE.slice(1);
  if (workspace.toCopy.length > 0) await copyLayers(engine, containerId, workspace.toCopy, signal);
  const isRoot = /^(|0|root)(:|$)/.test(user);
  const open = isRoot || workspace.toCopy.length > 0 ? [] : [{ name: `${directory}/`, mode: 0o777 }];
  const files = [...open, ...launch.files];
  if (files.length > 0) await putArchive(engine, containerId, makeArchive(files), signal);
}

/** Throws IO_FAILED when a layer cannot be read. */
async function copyLayers(
  engine: Engine,
  containerId: string,
  layers: LayerPath[],
  signal: AbortSignal,
): Promise<void> {
  const { tar, packed } = packLayers(layers, WORKSPACE.slice(1));
  const unreadable = new AbortController();
  packed.catch((error) => unreadable.abort(error));
  try {
    await putArchive(engine, containerId, tar, AbortSignal.any([signal, unreadable.signal]));
  } catch (error) {
    if (signal.aborted || !unreadable.signal.aborted) throw error;
    const { reason: cause } = unreadable.signal;
    throw new CicdError("IO_FAILED", `Could not fill the workspace: ${messageOf(cause)}`, { cause });
  } finally {
    tar.destroy();
  }
}

export async function putArchive(
  engine: Engine,
  containerId: string,
  archive: Buffer | Readable,
  abortSignal: AbortSignal,
): Promise<void> {
  const answer = engine.docker.getContainer(containerId).putArchive(archive, { path: "/", abortSignal });
  await ask(engine.host, "fill the container", answer);
}
