import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { makeArchive } from "./archives.ts";
import type { Engine } from "./connection.ts";
import { postContainer } from "./create-container.ts";
import { ask, askLeniently, engineError, statusOf } from "./engine-error.ts";
import { probeLabels } from "./labels.ts";
import { planOverlay } from "./overlay.ts";
import { createVolume, removeVolume, type WorkspaceMode } from "./workspace-volumes.ts";

const CACHE_FILE = "docker-workspace-modes.json";

/**
 * Finds out once per engine whether it can mount this host's directories as overlay layers, and remembers the answer in
 * `stateDir` by the engine's id. An engine on another machine, behind a forwarded socket, or without overlayfs cannot.
 */
export async function findWorkspaceMode(
  engine: Engine,
  instance: string,
  stateDir: string,
): Promise<WorkspaceMode> {
  if (!engine.isUnixSocket) return "copy";
  const { ID: id } = (await ask(engine.host, "describe itself", engine.docker.info())) as { ID: string };
  const known = await readCache(stateDir);
  if (known[id] !== undefined) return known[id];
  const mode = (await overlayWorks(engine, instance, stateDir)) ? "overlay" : "copy";
  await writeCache(stateDir, { ...known, [id]: mode });
  return mode;
}

/** After a mount failed: the next `findWorkspaceMode` tries again. */
export async function forgetWorkspaceModes(stateDir: string): Promise<void> {
  await rm(join(stateDir, CACHE_FILE), { force: true });
}

async function readCache(stateDir: string): Promise<Record<string, WorkspaceMode>> {
  try {
    return JSON.parse(await readFile(join(stateDir, CACHE_FILE), "utf8"));
  } catch {
    return {};
  }
}

async function writeCache(stateDir: string, modes: Record<string, WorkspaceMode>): Promise<void> {
  const path = join(stateDir, CACHE_FILE);
  const fresh = `${path}.${crypto.randomUUID()}`;
  await writeFile(fresh, JSON.stringify(modes), { mode: 0o600 });
  await rename(fresh, path);
}

/** Mounts a probe directory into a container that is never started (mounts happen for reading as well) and reads it back. */
async function overlayWorks(engine: Engine, instance: string, stateDir: string): Promise<boolean> {
  const nonce = crypto.randomUUID();
  const name = `cicd-probe-${nonce}`;
  const labels = probeLabels(instance, Date.now());
  // What is left of a probe that was killed goes with the other temporary files.
  const lower = join(stateDir, "tmp", name);
  try {
    await mkdir(lower, { recursive: true, mode: 0o700 });
    await writeFile(join(lower, "nonce"), nonce);
    const [upper, work] = await Promise.all([
      createVolume(engine, `${name}-upper`, labels),
      createVolume(engine, `${name}-work`, labels),
    ]);
    const { options } = planOverlay([lower], upper, work);
    if (options === undefined) return false;
    await createVolume(engine, `${name}-workspace`, labels, {
      type: "overlay",
      device: "overlay",
      o: options,
    });
    await importEmptyImage(engine, name, labels);
    return (await readThroughContainer(engine, name, labels)).includes(nonce);
  } finally {
    await removeProbe(engine, name);
    await rm(lower, { recursive: true, force: true });
  }
}

async function importEmptyImage(engine: Engine, name: string, labels: Record<string, string>): Promise<void> {
  const changes = Object.entries(labels).map(([key, value]) => `LABEL ${key}=${value}`);
  const root = makeArchive([{ name: "workspace/", mode: 0o755 }]);
  const answer = engine.docker.importImage(root as unknown as string, { repo: name, changes });
  for await (const _ of await ask(engine.host, "import an image", answer)) {
    // the answer's end says that it is done
  }
}

async function readThroughContainer(
  engine: Engine,
  name: string,
  labels: Record<string, string>,
): Promise<string> {
  try {
    const id = await postContainer(engine, name, {
      Image: name,
      Cmd: ["none"],
      Labels: labels,
      HostConfig: { Mounts: [{ Type: "volume", Source: `${name}-workspace`, Target: "/workspace" }] },
    });
    const archive = (await engine.docker
      .getContainer(id)
      .getArchive({ path: "/workspace/nonce" })) as Readable;
    let text = "";
    for await (const chunk of archive) text += String(chunk);
    return text;
  } catch (error) {
    if (statusOf(error) === undefined) throw engineError(error, "mount an overlay", engine.host);
    return "";
  }
}

async function removeProbe(engine: Engine, name: string): Promise<void> {
  const { docker, host } = engine;
  await askLeniently(host, "remove a container", docker.getContainer(name).remove({ force: true }), [404]);
  const volumes = ["upper", "work", "workspace"].map((part) => removeVolume(engine, `${name}-${part}`));
  await Promise.all([
    ...volumes,
    askLeniently(host, "remove an image", docker.getImage(name).remove({ force: true }), [404]),
  ]);
}
