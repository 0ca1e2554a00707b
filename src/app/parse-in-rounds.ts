import { CicdError } from "../errors/cicd-error.ts";
import {
  type ComposeFacts,
  type FilesWanted,
  type FileText,
  NO_COMPOSE_FACTS,
} from "../pipeline/compose/compose.ts";
import type { Facts } from "../pipeline/facts.ts";
import { type ParseOptions, type ParseResult, parsePipeline } from "../pipeline/parse-pipeline.ts";
import type { Source } from "../run/workspace.ts";
import { type FactsOptions, factsOfSource } from "./gather-facts.ts";
import { JudgeTurns } from "./judge-turns.ts";

/** Where included files are read from: the tree of a run. */
export interface IncludeTree {
  read(path: string): Promise<FileText>;
  /** Every path, sorted. */
  paths(): Promise<readonly string[]>;
  /** What rules of includes look at. */
  facts(): Promise<Pick<Facts, "predefined" | "run">>;
  /** `base` "": the default one. Null: not known. */
  changed(base: string): Promise<readonly string[] | null>;
}

/** Of the process, as its thread is. */
export const TURNS = new JudgeTurns();

/** More than the levels that includes may be nested. */
const MAX_ROUNDS = 40;

/** Parses a file and fetches what it includes until it is whole. Throws the signal's reason between two rounds. */
export async function parseInRounds(
  text: string,
  options: Omit<ParseOptions, "files" | "facts">,
  tree: IncludeTree,
  signal?: AbortSignal,
): Promise<ParseResult> {
  const files = new Map<string, FileText>();
  let facts = NO_COMPOSE_FACTS;
  for (let round = 1; ; round++) {
    const result = await TURNS.take(() => parsePipeline(text, { ...options, files, facts }), signal);
    const { wanted } = result;
    if (wanted === null) return result;
    if (round === MAX_ROUNDS) throw new CicdError("INTERNAL", `${options.file} never becomes whole`);
    facts = await withWanted(facts, wanted, tree);
    const found = await Promise.all(wanted.paths.map((path) => tree.read(path)));
    for (const [index, path] of wanted.paths.entries()) files.set(path, found[index]!);
  }
}

async function withWanted(
  known: ComposeFacts,
  wanted: FilesWanted,
  tree: IncludeTree,
): Promise<ComposeFacts> {
  const changed = { ...known.changed };
  for (const base of wanted.changed) changed[base] = await tree.changed(base);
  return {
    ...known,
    ...(wanted.facts ? await tree.facts() : {}),
    files: wanted.globs ? await tree.paths() : known.files,
    changed,
  };
}

/** What makes the runs that a tree's files are parsed for. */
export interface IncludeOptions extends FactsOptions {
  /** Of `--var`. */
  variables: Record<string, string>;
}

/** The tree of an opened source. */
export function includesOf(source: Source, options: IncludeOptions): IncludeTree {
  let asked: ReturnType<typeof factsOfSource> | undefined;
  const facts = () => {
    asked ??= factsOfSource(source, options);
    return asked;
  };
  return {
    async read(path) {
      const text = await source.readFile(path);
      return text === undefined ? { problem: "there is no such file in the tree" } : { text };
    },
    paths: () => source.listFiles(""),
    facts: async () => ({ predefined: (await facts()).predefined, run: options.variables }),
    changed: async (base) => (await facts()).changed(base),
  };
}

/** Where there is no tree. `problem`: why not, for every file that is included. */
export function noTree(problem: string): IncludeTree {
  return {
    read: async () => ({ problem }),
    paths: async () => [],
    facts: async () => ({ predefined: {}, run: {} }),
    changed: async () => null,
  };
}
