import { basename } from "node:path";
import type { App } from "./app.ts";
import { loadFile } from "./load-pipelines.ts";

/** The `name` in a pipeline file; of one without, the file's name without its ending. */
export async function loadPipelineName(app: App, file: string): Promise<string> {
  const { name } = await loadFile(app, file, { overrides: [], imageRequired: false });
  return name?.value ?? basename(file).replace(/\.ya?ml$/, "");
}
