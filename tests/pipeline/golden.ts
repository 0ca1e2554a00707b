import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { FileText } from "../../src/pipeline/compose/compose.ts";
import { NO_FACTS } from "../../src/pipeline/facts.ts";
import { type ParseResult, parsePipeline } from "../../src/pipeline/parse-pipeline.ts";
import type { Form } from "../../src/pipeline/pipeline.ts";

/** Where the cases of each form are, and what the pipeline file of one is called. */
const PLACES: Record<Form, { directory: string; file: string }> = {
  native: { directory: join(import.meta.dir, "cases"), file: "pipeline.yml" },
  gitlab: { directory: join(import.meta.dir, "gitlab-cases"), file: ".gitlab-ci.yml" },
};

/** Of public projects: the whole folder of one is the tree around its pipeline file. */
export const CORPUS = join(import.meta.dir, "corpus");

/** A pipeline file; `files` is the tree around it, by path. */
export interface GoldenCase {
  name: string;
  form: Form;
  directory: string;
  text: string;
  files: Map<string, string>;
}

/** Every folder of a form's cases: the pipeline file, and below `files/` what it includes. */
export function goldenCases(form: Form = "native"): GoldenCase[] {
  const { directory: all, file } = PLACES[form];
  return readdirSync(all)
    .sort()
    .map((name) => {
      const directory = join(all, name);
      const text = readFileSync(join(directory, file), "utf8");
      return { name, form, directory, text, files: readFiles(join(directory, "files")) };
    });
}

export function corpus(): GoldenCase[] {
  const projects = readdirSync(CORPUS, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return projects
    .map(({ name }) => name)
    .sort()
    .map((name) => {
      const files = readFiles(join(CORPUS, name));
      return {
        name,
        form: "gitlab",
        directory: join(CORPUS, name),
        text: files.get(".gitlab-ci.yml")!,
        files,
      };
    });
}

function readFiles(directory: string): Map<string, string> {
  if (!existsSync(directory)) return new Map();
  const paths = (readdirSync(directory, { recursive: true }) as string[]).sort();
  const files = paths.filter((path) => statSync(join(directory, path)).isFile());
  return new Map(files.map((path) => [path, readFileSync(join(directory, path), "utf8")]));
}

/** Parsed as a run does it: what a round wants is fetched for the next one. */
export function parseCase({ form, text, files }: Pick<GoldenCase, "form" | "text" | "files">): ParseResult {
  const fetched = new Map<string, FileText>();
  const facts = { ...NO_FACTS, files: [...files.keys()] };
  for (let round = 1; ; round++) {
    const result = parsePipeline(text, { file: PLACES[form].file, files: fetched, facts });
    if (result.wanted === null || round === 20) return result;
    for (const path of result.wanted.paths) {
      const found = files.get(path);
      fetched.set(path, found === undefined ? { problem: "there is no such file" } : { text: found });
    }
  }
}
