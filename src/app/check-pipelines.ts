import type { Diagnostic } from "../pipeline/diagnostic.ts";
import type { App } from "./app.ts";
import { loadFile, loadFromDisk, loadPipelines } from "./load-pipelines.ts";
import type { LoadedFile, PipelineSelection } from "./run-request.ts";

/** `check --json`. */
export interface CheckJson {
  valid: boolean;
  diagnostics: {
    code: string;
    severity: "error" | "warning";
    message: string;
    file: string;
    line: number;
    column: number;
    hint: string | null;
  }[];
}

/** A pipeline file as it was found and judged. `text` is empty where it cannot be read. */
export interface CheckedFile {
  file: string;
  text: string;
  /** What is in it; null exactly where a diagnostic is an error. `stages`: those that have jobs. */
  pipeline: { name: string; jobs: number; stages: number } | null;
  diagnostics: Diagnostic[];
}

/** Every selected file with all its problems. A single file is read where it lies, in a repository or not. */
export async function checkPipelines(
  app: App,
  selection: PipelineSelection,
  signal: AbortSignal,
): Promise<LoadedFile[]> {
  if (selection.file !== undefined) return [await loadFile(app, selection.file, selection)];
  const onDisk = await loadFromDisk(app, selection, signal);
  return onDisk ?? (await loadPipelines(app, selection, signal)).files;
}

export function toCheckedFile({ file, text, pipeline, diagnostics }: LoadedFile): CheckedFile {
  if (pipeline === undefined) return { file, text, pipeline: null, diagnostics };
  const { name, jobs } = pipeline;
  const stages = new Set(jobs.map((job) => job.stage)).size;
  return { file, text, pipeline: { name, jobs: jobs.length, stages }, diagnostics };
}

export function toCheckJson(files: CheckedFile[]): CheckJson {
  return {
    valid: files.every(({ pipeline }) => pipeline !== null),
    diagnostics: files.flatMap(({ diagnostics }) => diagnostics.map(toDiagnosticJson)),
  };
}

function toDiagnosticJson(diagnostic: Diagnostic): CheckJson["diagnostics"][number] {
  const { code, severity, message, file, line, column, hint } = diagnostic;
  return { code, severity, message, file, line, column, hint: hint ?? null };
}
