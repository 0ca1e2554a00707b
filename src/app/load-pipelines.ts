import { isAbsolute, join } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import { type Override, parseOverride } from "../pipeline/overrides.ts";
import { parsePipeline } from "../pipeline/parse-pipeline.ts";
import { Suggester } from "../pipeline/suggest.ts";
import type { Source } from "../run/workspace.ts";
import type { App } from "./app.ts";
import type { LoadedFile, LoadedPipelines, PipelineSelection } from "./run-request.ts";

/** Where a repository keeps its pipelines. */
export const PIPELINE_DIRECTORY = ".cicd-pipelines";

/**
 * Reads and checks the selected pipeline files of the selected tree: all of `.cicd-pipelines/`, the one of that name, or
 * one file of this host. Throws CONFIG_NOT_FOUND, CONFIG_UNREADABLE, USAGE (a malformed override) and what opening the
 * source throws.
 */
export async function loadPipelines(
  app: App,
  selection: PipelineSelection,
  signal: AbortSignal,
): Promise<LoadedPipelines> {
  const overrides = selection.overrides.map(readOverride);
  const sources = await app.sources();
  const request = {
    repo: selection.repo,
    ...(selection.branch === undefined ? {} : { branch: selection.branch }),
    ...(selection.commit === undefined ? {} : { commit: selection.commit }),
  };
  const source = await sources.open(request, signal);
  if (selection.file !== undefined)
    return { source, files: [await loadFile(app, selection.file, selection)] };
  return { source, files: await parseTree(source, selection, overrides) };
}

/**
 * The same files without opening the source: of the working tree around `selection.repo` they are read where they lie, in
 * a fraction of the time that hashing the tree takes. Undefined where that cannot be: a commit, a branch, a URL, or no
 * pipeline there.
 */
export async function loadFromDisk(
  app: App,
  selection: PipelineSelection,
  signal: AbortSignal,
): Promise<LoadedFile[] | undefined> {
  if (selection.branch !== undefined || selection.commit !== undefined) return undefined;
  const overrides = selection.overrides.map(readOverride);
  const root = await (await app.sources()).repoKey(selection.repo, signal);
  const names = isAbsolute(root) ? await app.files.list(join(root, PIPELINE_DIRECTORY)) : [];
  const tree: PipelineTree = {
    listFiles: async () => names.map((name) => `${PIPELINE_DIRECTORY}/${name}`),
    readFile: (path) => app.files.readText(join(root, path)),
  };
  return names.some(isPipelineName) ? parseTree(tree, selection, overrides) : undefined;
}

/** Where pipeline files are read from: a `Source`, or a directory. */
type PipelineTree = Pick<Source, "listFiles" | "readFile">;

async function parseTree(
  tree: PipelineTree,
  selection: PipelineSelection,
  overrides: Override[],
): Promise<LoadedFile[]> {
  const texts = await readPipelineTexts(tree);
  const files = texts.map(({ file, text }) => parseFile(file, text, overrides, selection.imageRequired));
  return selectByName(files, selection.pipeline);
}

/** Checks one file of this host, in a repository or not. */
export async function loadFile(
  app: App,
  file: string,
  options: Pick<PipelineSelection, "overrides" | "imageRequired">,
): Promise<LoadedFile> {
  const overrides = options.overrides.map(readOverride);
  return parseFile(file, await app.files.readText(file), overrides, options.imageRequired);
}

function parseFile(file: string, text: string, overrides: Override[], imageRequired: boolean): LoadedFile {
  return { file, text, ...parsePipeline(text, { file, overrides, imageRequired }) };
}

function isPipelineName(name: string): boolean {
  return /^[^/]+\.ya?ml$/.test(name);
}

async function readPipelineTexts(source: PipelineTree): Promise<{ file: string; text: string }[]> {
  const names = (await source.listFiles(PIPELINE_DIRECTORY)).filter((path) =>
    isPipelineName(path.slice(PIPELINE_DIRECTORY.length + 1)),
  );
  const texts: { file: string; text: string }[] = [];
  for (const file of names) {
    const text = await source.readFile(file);
    if (text !== undefined) texts.push({ file, text });
  }
  if (texts.length > 0) return texts;
  const hint = (await source.readFile(".gitlab-ci.yml"))
    ? "this version does not read .gitlab-ci.yml yet; `cicd init` writes a pipeline of its own form"
    : "`cicd init` writes one that fits the repository";
  throw new CicdError("CONFIG_NOT_FOUND", `there is no pipeline in ${PIPELINE_DIRECTORY}/`, { hint });
}

/** By the `name` in the file, else by the file's name: a broken file must still be found. */
function selectByName(files: LoadedFile[], wanted: string | undefined): LoadedFile[] {
  if (wanted === undefined) return files;
  const named = files.filter(({ pipeline }) => pipeline?.name === wanted);
  if (named.length > 0) return named;
  const byFile = files.filter(({ file }) => baseName(file) === wanted);
  if (byFile.length > 0) return byFile;
  const names = files.map(({ file, pipeline }) => pipeline?.name ?? baseName(file));
  const hint = new Suggester().hint(wanted, names) ?? `the repository has: ${names.join(", ")}`;
  throw new CicdError("CONFIG_NOT_FOUND", `there is no pipeline named ${wanted}`, { hint });
}

function baseName(file: string): string {
  return file.slice(file.lastIndexOf("/") + 1).replace(/\.ya?ml$/, "");
}

function readOverride(text: string): Override {
  const override = parseOverride(text);
  if (override !== undefined) return override;
  throw new CicdError("USAGE", `the override ${JSON.stringify(text)} is not of the form path=value`, {
    hint: "for example -o default.image=node:22 or -o jobs.test.timeout=5m",
  });
}
