import type { Diagnostic } from "../pipeline/diagnostic.ts";
import { imageDoubts } from "../plan/image-doubts.ts";
import type { PlanNote } from "../plan/plan-note.ts";
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

/** A pipeline file as it was found and judged. `text` is empty where it cannot be read. `included`: what diagnostics may point into besides. */
export interface CheckedFile {
  file: string;
  text: string;
  included: { file: string; text: string }[];
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
  if (selection.file !== undefined) return [await loadFile(app, selection.file, selection, signal)];
  const onDisk = await loadFromDisk(app, selection, signal);
  return onDisk ?? (await loadPipelines(app, selection, signal)).files;
}

/** With what its plans would be warned of. */
export function toCheckedFile(loaded: LoadedFile): CheckedFile {
  const { file, text, texts, pipeline } = loaded;
  const doubts = pipeline === undefined ? [] : imageDoubts(pipeline).map(toDiagnostic);
  const diagnostics = doubts.length === 0 ? loaded.diagnostics : [...loaded.diagnostics, ...doubts];
  const named = new Set(diagnostics.map((diagnostic) => diagnostic.file));
  const included = texts.slice(1).filter((other) => named.has(other.file));
  if (pipeline === undefined) return { file, text, included, pipeline: null, diagnostics };
  const { name, jobs } = pipeline;
  const stages = new Set(jobs.map((job) => job.stage)).size;
  return { file, text, included, pipeline: { name, jobs: jobs.length, stages }, diagnostics };
}

function toDiagnostic({ code, message, job, at: { file, line, column } }: PlanNote): Diagnostic {
  return { code, severity: "warning", message, file, line, column, length: job?.length ?? 1 };
}

/** Over all files of one answer. */
const MAX_SENT_DIAGNOSTICS = 1_000;

/**
 * What a server sends: so many diagnostics over all files; behind that each file that has more of them says so, in a single
 * one.
 */
export function toSentFiles(files: LoadedFile[]): CheckedFile[] {
  let left = MAX_SENT_DIAGNOSTICS;
  return files.map(toCheckedFile).map((file) => {
    const shown = file.diagnostics.slice(0, left);
    left -= shown.length;
    const next = file.diagnostics[shown.length];
    if (next === undefined) return file;
    const more = file.diagnostics.length - shown.length;
    const message = `${more} more problem${more === 1 ? "" : "s"} of this file ${more === 1 ? "is" : "are"} not shown`;
    const { file: name, line, column, length } = next;
    const severity = file.pipeline === null ? "error" : "warning";
    const note = {
      code: "CONFIG_TOO_MANY_PROBLEMS",
      severity,
      message,
      file: name,
      line,
      column,
      length,
    } as const;
    return { ...file, diagnostics: [...shown, note] };
  });
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
