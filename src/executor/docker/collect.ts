import type { Readable } from "node:stream";
import type { FileSelection } from "../../run/executor.ts";
import type { ArtifactSink } from "../../run/workspace.ts";
import { selectFiles } from "../selection/selection.ts";
import type { Engine } from "./connection.ts";
import { WORKSPACE } from "./container-options.ts";
import { ask, askLeniently, statusOf } from "./engine-error.ts";

/** Bit of Go's fs.FileMode for a symbolic link, as in Docker's X-Docker-Container-Path-Stat. */
const GO_MODE_SYMLINK = 0x0800_0000;

/**
 * Reads the selected files out of a stopped container. Only the parts of the workspace that can hold matches are
 * read. Docker follows links among a path's parents, so a part below a link is passed over: what it names lies outside.
 * Rejects with the signal's reason when aborted.
 */
export async function collectFrom(
  engine: Engine,
  containerId: string,
  wanted: FileSelection,
  sink: ArtifactSink,
  signal: AbortSignal,
): Promise<{ unmatched: string[] }> {
  const selection = selectFiles(wanted, WORKSPACE);
  for (const root of selection.roots) {
    signal.throwIfAborted();
    if (await liesBelowLink(engine, containerId, root)) continue;
    const archive = await openArchive(engine, containerId, root);
    if (archive === undefined) continue;
    const parent = root.split("/").slice(0, -1);
    await untilAborted(archive, signal, () =>
      sink.addTar(archive, {
        toPath: (name) => relativePath(name, root, parent),
        accept: (path) => path !== "" && selection.accept(path),
      }),
    );
  }
  return { unmatched: selection.unmatched() };
}

/** Breaks the stream off when the signal aborts, and rejects then with its reason once `read` has ended. */
async function untilAborted(stream: Readable, signal: AbortSignal, read: () => Promise<unknown>) {
  const stop = () => void stream.destroy(new Error("aborted"));
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (signal.aborted) stop();
    await read();
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
    stream.destroy();
  }
  signal.throwIfAborted();
}

/** Docker names entries from the last part of the requested path on; the whole workspace's start with `workspace/`. */
function relativePath(entryName: string, root: string, parent: string[]): string {
  const name = entryName.replace(/^\.\//, "").replace(/\/+$/, "");
  if (root !== "") return [...parent, name].join("/");
  return name.split("/").slice(1).join("/");
}

async function liesBelowLink(engine: Engine, containerId: string, root: string): Promise<boolean> {
  const segments = root.split("/");
  const parents = segments.slice(1).map((_, index) => segments.slice(0, index + 1).join("/"));
  const links = await Promise.all(
    parents.map((parent) => isLink(engine, containerId, `${WORKSPACE}/${parent}`)),
  );
  return links.includes(true);
}

async function isLink(engine: Engine, containerId: string, path: string): Promise<boolean> {
  const container = engine.docker.getContainer(containerId);
  const answer = container.infoArchive({ path }) as Promise<{ headers: Record<string, string> }>;
  const response = await askLeniently(engine.host, `look at ${path}`, answer, [404, 400]);
  const encoded = response?.headers["x-docker-container-path-stat"];
  if (encoded === undefined) return false;
  const { mode } = JSON.parse(Buffer.from(encoded, "base64").toString()) as { mode: number };
  return (mode & GO_MODE_SYMLINK) !== 0;
}

/** Undefined: there is no such path. */
async function openArchive(engine: Engine, containerId: string, root: string): Promise<Readable | undefined> {
  const path = root === "" ? WORKSPACE : `${WORKSPACE}/${root}`;
  try {
    return (await engine.docker.getContainer(containerId).getArchive({ path })) as Readable;
  } catch (error) {
    const status = statusOf(error);
    if (status === 404 || status === 400) return undefined;
    return await ask(engine.host, `read ${path}`, Promise.reject(error));
  }
}
