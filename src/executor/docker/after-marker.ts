import type { Readable } from "node:stream";
import type { ExecutionResult } from "../../run/executor.ts";
import { makeArchive } from "./archives.ts";
import type { Engine } from "./connection.ts";
import { AFTER_MARKER } from "./container-options.ts";
import { ask, statusOf } from "./engine-error.ts";

/**
 * Left in the stopped container before it is started again for `after_script`. It tells the loader which program is due,
 * and a later owner how the main script ended. `mainStartedAt`: Docker's StartedAt of the main script; another one means
 * that `after_script` has been started.
 */
export interface AfterMarker {
  result: ExecutionResult;
  mainStartedAt: string;
}

export async function putMarker(engine: Engine, containerId: string, marker: AfterMarker): Promise<void> {
  const text = `${marker.result.status}\n${JSON.stringify(marker)}\n`;
  const archive = makeArchive([{ name: AFTER_MARKER.slice(1), mode: 0o644, text }]);
  const put = engine.docker.getContainer(containerId).putArchive(archive, { path: "/" });
  await ask(engine.host, "write into the container", put);
}

/** Undefined: the main script has not ended, or nobody saw it. */
export async function readMarker(engine: Engine, containerId: string): Promise<AfterMarker | undefined> {
  let archive: Readable;
  try {
    archive = (await engine.docker.getContainer(containerId).getArchive({ path: AFTER_MARKER })) as Readable;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    return await ask(engine.host, "read from the container", Promise.reject(error));
  }
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  const tar = Buffer.concat(chunks);
  const size = Number.parseInt(tar.subarray(124, 136).toString(), 8);
  const [, json = ""] = tar
    .subarray(512, 512 + size)
    .toString()
    .split("\n");
  try {
    return JSON.parse(json) as AfterMarker;
  } catch {
    return undefined;
  }
}
