import type { Readable } from "node:stream";
import type { Service } from "../../../pipeline/pipeline.ts";
import { callEngine, type Engine } from "../connection.ts";
import { readText } from "./run-in-container.ts";

const LAST_LINES = 20;
const MAX_BYTES = 32 * 1024;

/** A service did not come up: a result of the job, not a fault of the machine. `lines`: the end of what it printed. */
export class ServiceFailure extends Error {
  readonly lines: string[];

  constructor(message: string, lines: string[] = []) {
    super(message);
    this.lines = lines;
  }
}

/** A service that has its container. */
export interface StartedService {
  id: string;
  /** For people: its first alias or its image. */
  title: string;
  service: Service;
  /** TCP ports that the image exposes. */
  ports: number[];
  /** The engine checks its health. */
  isChecked: boolean;
}

export function titleOf({ aliases, name }: Service): string {
  return aliases[0] ?? name;
}

/** As a failure with the last lines of its log. */
export async function failureOf(
  engine: Engine,
  { id, title }: Pick<StartedService, "id" | "title">,
  problem: string,
): Promise<ServiceFailure> {
  const text = await lastLines(engine, id).catch(() => "");
  const lines = text.split("\n").filter((line, index, all) => line !== "" || index < all.length - 1);
  return new ServiceFailure(
    `The service ${title} ${problem}`,
    lines.slice(-LAST_LINES).map((line) => `[${title}] ${line}\n`),
  );
}

async function lastLines(engine: Engine, containerId: string): Promise<string> {
  const stream = (await callEngine(engine, {
    path: `/containers/${containerId}/logs?`,
    method: "GET",
    options: { stdout: true, stderr: true, tail: LAST_LINES },
    isStream: true,
    statusCodes: { 200: true },
  })) as Readable;
  return await readText(stream, MAX_BYTES);
}
