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

export function toCheckJson(files: LoadedFile[]): CheckJson {
  return {
    valid: files.every(({ pipeline }) => pipeline !== undefined),
    diagnostics: files.flatMap(({ diagnostics }) => diagnostics.map(toDiagnosticJson)),
  };
}

function toDiagnosticJson(diagnostic: Diagnostic): CheckJson["diagnostics"][number] {
  const { code, severity, message, file, line, column, hint } = diagnostic;
  return { code, severity, message, file, line, column, hint: hint ?? null };
}
