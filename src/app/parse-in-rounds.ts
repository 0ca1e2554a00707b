import { CicdError } from "../errors/cicd-error.ts";
import type { ComposeFacts, FileText } from "../pipeline/compose/compose.ts";
import { NO_FACTS } from "../pipeline/facts.ts";
import { type ParseOptions, type ParseResult, parsePipeline } from "../pipeline/parse-pipeline.ts";
import type { Source } from "../run/workspace.ts";
import { JudgeTurns } from "./judge-turns.ts";

/** Where included files are read from: the tree of a run. */
export interface IncludeTree {
  read(path: string): Promise<FileText>;
  /** Every path, sorted. */
  paths(): Promise<string[]>;
}

/** Of the process, as its thread is. */
export const TURNS = new JudgeTurns();

/** More than the levels that includes may be nested. */
const MAX_ROUNDS = 16;

/** Parses a file and fetches what it includes until it is whole. Throws the signal's reason between two rounds. */
export async function parseInRounds(
  text: string,
  options: Omit<ParseOptions, "files" | "facts">,
  tree: IncludeTree,
  signal?: AbortSignal,
): Promise<ParseResult> {
  const files = new Map<string, FileText>();
  let facts: ComposeFacts = NO_FACTS;
  for (let round = 1; ; round++) {
    const result = await TURNS.take(() => parsePipeline(text, { ...options, files, facts }), signal);
    const { wanted } = result;
    if (wanted === null) return result;
    if (round === MAX_ROUNDS) throw new CicdError("INTERNAL", `${options.file} never becomes whole`);
    if (wanted.globs) facts = { ...facts, files: await tree.paths() };
    const found = await Promise.all(wanted.paths.map((path) => tree.read(path)));
    for (const [index, path] of wanted.paths.entries()) files.set(path, found[index]!);
  }
}

/** The tree of an opened source. */
export function includesOf(source: Source): IncludeTree {
  return {
    async read(path) {
      const text = await source.readFile(path);
      return text === undefined ? { problem: "there is no such file in the tree" } : { text };
    },
    paths: () => source.listFiles(""),
  };
}

/** Where there is no tree. `problem`: why not, for every file that is included. */
export function noTree(problem: string): IncludeTree {
  return { read: async () => ({ problem }), paths: async () => [] };
}
