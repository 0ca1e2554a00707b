import { isAbsolute } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import type { Source } from "../run/workspace.ts";
import type { App } from "./app.ts";
import { withDefaultImage } from "./default-image.ts";
import { choosePipelines, judgeFile, judgePipelines, parseFile, readOverrides } from "./judge-pipelines.ts";
import { type IncludeOptions, type IncludeTree, includesOf, noTree } from "./parse-in-rounds.ts";
import { PIPELINE_DIRECTORY, type PipelineTree, treeOfSource, treeOnDisk } from "./pipeline-tree.ts";
import {
  includeOptions,
  type LoadedFile,
  type LoadedPipelines,
  type PipelineChoice,
  type PipelineFile,
  type PipelineSelection,
  type RunRequest,
} from "./run-request.ts";

/**
 * Reads and checks the selected pipeline files of the selected tree: all of `.cicd-pipelines/`, the one of that name, or
 * one file of this host. What is wrong with a file of the tree, unreadable ones too, is among its diagnostics. Throws
 * CONFIG_NOT_FOUND, CONFIG_UNREADABLE (the one file), USAGE (a malformed override, a name that means several files) and what
 * opening the source throws.
 */
export async function loadPipelines(
  app: App,
  selection: PipelineSelection & Partial<RunRequest>,
  signal: AbortSignal,
): Promise<LoadedPipelines> {
  readOverrides(selection.overrides);
  const source = await openSource(app, selection, signal);
  if (selection.file !== undefined) {
    const file = { file: selection.file, text: await app.files.readText(selection.file) };
    return {
      source,
      files: [
        await judgeFile(
          file,
          withDefaultImage(app, selection),
          includesOf(source, includeOptions(selection)),
        ),
      ],
    };
  }
  return {
    source,
    files: await loadFromSource(source, withDefaultImage(app, selection), includeOptions(selection)),
  };
}

/** The tree that a selection names, opened. */
export async function openSource(
  app: App,
  { repo, branch, commit }: Pick<PipelineSelection, "repo" | "branch" | "commit">,
  signal: AbortSignal,
): Promise<Source> {
  const sources = await app.sources();
  const request = {
    repo,
    ...(branch === undefined ? {} : { branch }),
    ...(commit === undefined ? {} : { commit }),
  };
  return sources.open(request, signal);
}

/** The pipeline files of an opened source. Throws CONFIG_NOT_FOUND, USAGE. */
export async function loadFromSource(
  source: Source,
  choice: PipelineChoice,
  options: IncludeOptions,
  signal?: AbortSignal,
): Promise<LoadedFile[]> {
  return judgePipelines(await readFromSource(source), choice, includesOf(source, options), signal);
}

/** The same as they are. Throws CONFIG_NOT_FOUND where there is none. */
export async function readFromSource(source: Source): Promise<PipelineFile[]> {
  const tree = await treeOfSource(source);
  if (tree.pipelineFiles.length === 0) throw noPipeline();
  return readAll(tree);
}

/**
 * The selected files without opening the source: of the working tree around `selection.repo` they are read where they lie,
 * in a fraction of the time that hashing the tree takes; those that git ignores are no part of it. Undefined where that
 * cannot be: a commit, a branch, a URL, no pipeline there, or one that includes files, which may be ignored.
 */
export async function loadFromDisk(
  app: App,
  selection: PipelineSelection,
  signal: AbortSignal,
): Promise<LoadedFile[] | undefined> {
  const overrides = readOverrides(selection.overrides);
  const found = await findOnDisk(app, selection, signal);
  if (found === undefined) return undefined;
  const images = withDefaultImage(app, selection);
  const files = found.files.map((file) => parseFile(file, overrides, images));
  const kept = withoutIgnored(files, await found.ignored);
  if (kept.length === 0 || kept.some(({ wanted }) => wanted !== null)) return undefined;
  return choosePipelines(kept, selection.pipeline);
}

/**
 * The files that a selection is about, as they are: the one file, or all of the tree that it names, of which `pipeline` is
 * to choose. Throws as `loadPipelines`, but for what is wrong in the files.
 */
export async function readPipelines(
  app: App,
  selection: PipelineSelection,
  signal: AbortSignal,
): Promise<PipelineFile[]> {
  const { file } = selection;
  if (file !== undefined) return [{ file, text: await app.files.readText(file) }];
  const found = await findOnDisk(app, selection, signal);
  const kept = found === undefined ? [] : withoutIgnored(found.files, await found.ignored);
  return kept.length > 0 ? kept : readFromSource(await openSource(app, selection, signal));
}

/** `ignored`: paths that git ignores; undefined: all of them. */
async function findOnDisk(
  app: App,
  selection: PipelineSelection,
  signal: AbortSignal,
): Promise<{ files: PipelineFile[]; ignored: Promise<string[] | undefined> } | undefined> {
  if (selection.branch !== undefined || selection.commit !== undefined) return undefined;
  const sources = await app.sources();
  const root = await sources.repoKey(selection.repo, signal);
  if (!isAbsolute(root)) return undefined;
  const tree = await treeOnDisk(app.files, root);
  if (tree.pipelineFiles.length === 0) return undefined;
  const ignored = sources.ignoredFiles(root, tree.pipelineFiles, signal);
  // Whoever awaits it hears of a failure; until then it is none that nobody handles.
  ignored.catch(() => {});
  return { files: await readAll(tree), ignored };
}

function withoutIgnored<T extends { file: string }>(files: T[], ignored: string[] | undefined): T[] {
  return ignored === undefined ? [] : files.filter(({ file }) => !ignored.includes(file));
}

async function readAll(tree: PipelineTree): Promise<PipelineFile[]> {
  return Promise.all(tree.pipelineFiles.map(async (file) => ({ file, ...(await tree.read(file)) })));
}

/** Checks one file of this host, in a repository or not; only one in a repository can include others. */
export async function loadFile(
  app: App,
  file: string,
  selection: PipelineSelection & Partial<RunRequest>,
  signal: AbortSignal,
): Promise<LoadedFile> {
  readOverrides(selection.overrides);
  return judgeFile(
    { file, text: await app.files.readText(file) },
    withDefaultImage(app, selection),
    lazyTree(app, selection, signal),
  );
}

/** The tree of a selection, opened when the first file of it is asked for. */
export function lazyTree(
  app: App,
  selection: PipelineSelection & Partial<RunRequest>,
  signal: AbortSignal,
): IncludeTree {
  let opened: Promise<IncludeTree> | undefined;
  const openWhole = (source: Source) => includesOf(source, includeOptions(selection));
  const open = () => {
    opened ??= openSource(app, selection, signal).then(openWhole, (error) => {
      if (!(error instanceof CicdError) || error.code !== "GIT_NOT_A_REPOSITORY") throw error;
      return noTree("there is no repository around");
    });
    return opened;
  };
  return {
    read: async (path) => (await open()).read(path),
    paths: async () => (await open()).paths(),
    facts: async () => (await open()).facts(),
    changed: async (base) => (await open()).changed(base),
  };
}

function noPipeline(): CicdError {
  const hint = "`cicd init` writes one that fits the repository";
  return new CicdError("CONFIG_NOT_FOUND", `there is no pipeline in ${PIPELINE_DIRECTORY}/`, { hint });
}
