import type { ParseResult } from "../pipeline/parse-pipeline.ts";
import type { RunRecord, Trigger } from "../run/records.ts";
import type { Source } from "../run/workspace.ts";
import type { ExecutorKind } from "./app.ts";
import type { IncludeOptions } from "./parse-in-rounds.ts";

/** Which of a tree's pipeline files, and how they are read. */
export interface PipelineChoice {
  /** By the `name` in the file or by the file's name without ending. */
  pipeline?: string;
  /** `-o`, as typed. */
  overrides: string[];
  /** False for the shell executor. */
  imageRequired: boolean;
  /** Of jobs without one, where they need one. */
  defaultImage?: string;
}

/** What rules of includes look at, for a run by hand. */
export function includeOptions(selection: PipelineSelection & Partial<RunRequest>): IncludeOptions {
  const {
    variables = {},
    trigger = "cli",
    executor = selection.imageRequired ? "docker" : "shell",
  } = selection;
  return { variables, trigger, executor };
}

/** Which pipeline files of which tree: the common part of check, dryrun and run. */
export interface PipelineSelection extends PipelineChoice {
  repo: string;
  branch?: string;
  commit?: string;
  /** A file of this host, wherever it lies. Excludes `pipeline`. */
  file?: string;
}

export interface RunRequest extends PipelineSelection {
  variables: Record<string, string>;
  jobs: string[];
  stage?: string;
  /** Manual jobs that start in their turn. */
  manual?: string[];
  executor: ExecutorKind;
  trigger: Trigger;
}

/** A pipeline file as it was read. `problem`: why it cannot be read, without the file's name. */
export type PipelineFile = { file: string } & (
  | { text: string; problem?: never }
  | { text?: never; problem: string }
);

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
