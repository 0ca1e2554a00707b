import { isAbsolute } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import { type Override, parseOverride } from "../pipeline/overrides.ts";
import { parsePipeline } from "../pipeline/parse-pipeline.ts";
import { refuseSharedNames } from "../pipeline/shared-names.ts";
import { Suggester } from "../pipeline/suggest.ts";
import type { Source } from "../run/workspace.ts";
import type { App } from "./app.ts";
import { PIPELINE_DIRECTORY, type PipelineTree, treeOfSource, treeOnDisk } from "./pipeline-tree.ts";
import type { LoadedFile, LoadedPipelines, PipelineSelection } from "./run-request.ts";

/**
 * Reads and checks the selected pipeline files of the selected tree: all of `.cicd-pipelines/`, the one of that name, or
 * one file of this host. What is wrong with a file of the tree, unreadable ones too, is among its diagnostics. Throws
 * CONFIG_NOT_FOUND, CONFIG_UNREADABLE (the one file), USAGE (a malformed override, a name that means several files) and what
 * opening the source throws.
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
  const tree = await treeOfSource(source);
  if (tree.pipelineFiles.length === 0) throw await noPipeline(source);
  return { source, files: selectFiles(await parseTree(tree, selection, overrides), selection) };
}

/**
 * The same files without opening the source: of the working tree around `selection.repo` they are read where they lie, in
 * a fraction of the time that hashing the tree takes; those that git ignores are no part of it. Undefined where that cannot
 * be: a commit, a branch, a URL, or no pipeline there.
 */
export async function loadFromDisk(
  app: App,
  selection: PipelineSelection,
  signal: AbortSignal,
): Promise<LoadedFile[] | undefined> {
  if (selection.branch !== undefined || selection.commit !== undefined) return undefined;
  const overrides = selection.overrides.map(readOverride);
  const sources = await app.sources();
  const root = await sources.repoKey(selection.repo, signal);
  if (!isAbsolute(root)) return undefined;
  const tree = await treeOnDisk(app.files, root);
  if (tree.pipelineFiles.length === 0) return undefined;
  const [ignored, files] = await Promise.all([
    sources.ignoredFiles(root, tree.pipelineFiles, signal),
    parseTree(tree, selection, overrides),
  ]);
  const kept = ignored === undefined ? [] : files.filter(({ file }) => !ignored.includes(file));
  return kept.length === 0 ? undefined : selectFiles(kept, selection);
}

async function parseTree(
  tree: PipelineTree,
  selection: PipelineSelection,
  overrides: Override[],
): Promise<LoadedFile[]> {
  const files: LoadedFile[] = [];
  for (const path of tree.pipelineFiles) {
    const { text, problem } = await tree.read(path);
    files.push(
      problem === undefined
        ? parseFile(path, text, overrides, selection.imageRequired)
        : unreadable(path, problem),
    );
  }
  return files;
}

function selectFiles(files: LoadedFile[], { pipeline }: PipelineSelection): LoadedFile[] {
  return selectByName(refuseSharedNames(files), pipeline);
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

function unreadable(file: string, message: string): LoadedFile {
  const diagnostic = { code: "CONFIG_UNREADABLE", severity: "error", message, file } as const;
  const diagnostics = [{ ...diagnostic, line: 1, column: 1, length: 1, hint: "put a regular file there" }];
  return { file, text: "", pipeline: undefined, name: undefined, diagnostics };
}

async function noPipeline(source: Source): Promise<CicdError> {
  const hint = (await source.readFile(".gitlab-ci.yml"))
    ? "this version does not read .gitlab-ci.yml yet; `cicd init` writes a pipeline of its own form"
    : "`cicd init` writes one that fits the repository";
  return new CicdError("CONFIG_NOT_FOUND", `there is no pipeline in ${PIPELINE_DIRECTORY}/`, { hint });
}

/** By the `name` in the file, else by the file's name: a broken file must still be found. */
function selectByName(files: LoadedFile[], wanted: string | undefined): LoadedFile[] {
  if (wanted === undefined) return files;
  const named = files.filter(({ name }) => name?.value === wanted);
  if (named.length > 0) return named;
  const byFile = files.filter(({ file }) => baseName(file) === wanted);
  if (byFile.length > 1) throw ambiguousName(wanted, byFile);
  if (byFile.length > 0) return byFile;
  const names = files.map(nameOf);
  const hint = /\.ya?ml$/.test(wanted)
    ? `-p takes the name of a pipeline; a file is named with -f ${wanted}`
    : (new Suggester().hint(wanted, names) ?? `the repository has: ${names.join(", ")}`);
  throw new CicdError("CONFIG_NOT_FOUND", `there is no pipeline named ${wanted}`, { hint });
}

function ambiguousName(wanted: string, files: LoadedFile[]): CicdError {
  const paths = files.map(({ file }) => file).join(" and ");
  const names = files.flatMap(({ name }) => name?.value ?? []);
  return new CicdError("USAGE", `-p ${wanted} may mean ${paths}`, {
    hint: `name the pipeline as its file does${names.length > 0 ? ` (${names.join(", ")})` : ""}, or the file with -f`,
  });
}

function nameOf({ name, file }: LoadedFile): string {
  return name?.value ?? baseName(file);
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
