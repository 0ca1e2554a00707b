import type { ParseResult } from "../pipeline/parse-pipeline.ts";
import type { RunRecord, Trigger } from "../run/records.ts";
import type { Source } from "../run/workspace.ts";
import type { ExecutorKind } from "./app.ts";

/** Which pipeline files of which tree: the common part of check, dryrun and run. */
export interface PipelineSelection {
  repo: string;
  branch?: string;
  commit?: string;
  /** By the `name` in the file or by the file's name without ending. */
  pipeline?: string;
  /** A file of this host, wherever it lies. Excludes `pipeline`. */
  file?: string;
  /** `-o`, as typed. */
  overrides: string[];
  /** False for the shell executor. */
  imageRequired: boolean;
}

export interface RunRequest extends PipelineSelection {
  variables: Record<string, string>;
  jobs: string[];
  stage?: string;
  executor: ExecutorKind;
  trigger: Trigger;
}

/** One pipeline file as found, whether it is valid or not. `file` is as the user would name it from where they stand. */
export interface LoadedFile extends ParseResult {
  file: string;
  /** Empty where it cannot be read. */
  text: string;
}

/** `source` is null when only a file outside of a repository was asked for. */
export interface LoadedPipelines {
  source: Source | null;
  files: LoadedFile[];
}

/** What the user wrote wrongly is data: nothing was stored then. */
export type PreparedRuns =
  | { kind: "prepared"; runs: RunRecord[]; source: Source; warnings: string[] }
  | { kind: "invalid"; files: LoadedFile[] };
