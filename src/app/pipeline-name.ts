import { basename } from "node:path";
import type { App } from "./app.ts";
import { FILES_ALONE, judgeFile } from "./judge-pipelines.ts";

/** The `name` in a pipeline file; of one without, the file's name without its ending. */
export async function loadPipelineName(app: App, file: string): Promise<string> {
  const text = await app.files.readText(file);
  const { name } = await judgeFile({ file, text }, { overrides: [], imageRequired: false }, FILES_ALONE);
  return name?.value ?? basename(file).replace(/\.ya?ml$/, "");
}
