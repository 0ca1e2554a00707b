import type { Readable } from "node:stream";
import { callEngine, type Engine } from "../connection.ts";
import { statusOf } from "../engine-error.ts";
import { readFrames } from "../frames.ts";

/** What the command prints; undefined: it ended with an error, cannot be run there, or the container runs no more. */
export async function runInContainer(
  engine: Engine,
  containerId: string,
  command: string[],
): Promise<string | undefined> {
  try {
    const exec = await engine.docker
      .getContainer(containerId)
      .exec({ Cmd: command, AttachStdout: true, AttachStderr: true });
    const output = (await callEngine(engine, {
      path: `/exec/${exec.id}/start`,
      method: "POST",
      options: { Detach: false, Tty: false },
      isStream: true,
      statusCodes: { 200: true },
    })) as Readable;
    const text = await readText(output, Number.POSITIVE_INFINITY);
    return (await exec.inspect()).ExitCode === 0 ? text : undefined;
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
    return undefined;
  }
}

/** Of a multiplexed stream, at most about so many bytes. */
export async function readText(stream: Readable, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const bytes of readFrames(stream)) {
      text += decoder.decode(bytes, { stream: true });
      if (text.length > maxBytes) break;
    }
  } finally {
    stream.destroy();
  }
  return text + decoder.decode();
}
