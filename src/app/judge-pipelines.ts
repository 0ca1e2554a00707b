import { CicdError } from "../errors/cicd-error.ts";
import { type Override, parseOverride } from "../pipeline/overrides.ts";
import { parsePipeline } from "../pipeline/parse-pipeline.ts";
import { refuseSharedNames } from "../pipeline/shared-names.ts";
import { Suggester } from "../pipeline/suggest.ts";
import { type IncludeTree, noTree, parseInRounds } from "./parse-in-rounds.ts";
import type { LoadedFile, PipelineChoice, PipelineFile } from "./run-request.ts";

/** Of files that were sent without what is around them. */
export const FILES_ALONE = noTree("only the file itself was sent");

/**
 * All pipeline files of a repository, each with what is wrong with it, and of these the chosen one or all. Throws USAGE (a
 * malformed override, a name that means several files), CONFIG_NOT_FOUND (no pipeline of that name), and the signal's reason
 * between two files. Others have their turn between them. `tree`: where what they include is.
 */
export async function judgePipelines(
  files: PipelineFile[],
  choice: PipelineChoice,
  tree: IncludeTree,
  signal?: AbortSignal,
): Promise<LoadedFile[]> {
  const overrides = readOverrides(choice.overrides);
  const judged: LoadedFile[] = [];
  for (const file of files) judged.push(await judge(file, overrides, choice, tree, signal));
  return choosePipelines(judged, choice.pipeline);
}

/** One file by itself. Throws USAGE for a malformed override. */
export async function judgeFile(
  file: PipelineFile,
  options: Omit<PipelineChoice, "pipeline">,
  tree: IncludeTree,
): Promise<LoadedFile> {
  return judge(file, readOverrides(options.overrides), options, tree);
}

type Images = Pick<PipelineChoice, "imageRequired" | "defaultImage">;

const imagesOf = ({ imageRequired, defaultImage }: Images): Images => ({
  imageRequired,
  ...(defaultImage === undefined ? {} : { defaultImage }),
});

async function judge(
  found: PipelineFile,
  overrides: Override[],
  images: Images,
  tree: IncludeTree,
  signal?: AbortSignal,
): Promise<LoadedFile> {
  const { file } = found;
  if (found.problem !== undefined) return unreadable(file, found.problem);
  const result = await parseInRounds(found.text, { file, overrides, ...imagesOf(images) }, tree, signal);
  return { file, text: found.text, ...result };
}

/** Of files that are all of a repository: two that share a name are errors; then those of that name, else all. */
export function choosePipelines(files: LoadedFile[], pipeline: string | undefined): LoadedFile[] {
  return chooseByName(refuseSharedNames(files), pipeline);
}

/** Without what it includes: then something is `wanted`. */
export function parseFile(found: PipelineFile, overrides: Override[], images: Images): LoadedFile {
  const { file } = found;
  if (found.problem !== undefined) return unreadable(file, found.problem);
  return { file, text: found.text, ...parsePipeline(found.text, { file, overrides, ...imagesOf(images) }) };
}

/** Throws USAGE. */
export function readOverrides(texts: string[]): Override[] {
  return texts.map((text) => {
    const override = parseOverride(text);
    if (override !== undefined) return override;
    throw new CicdError("USAGE", `the override ${JSON.stringify(text)} is not of the form path=value`, {
      hint: "for example -o default.image=node:22 or -o jobs.test.timeout=5m",
    });
  });
}

function unreadable(file: string, message: string): LoadedFile {
  const diagnostic = { code: "CONFIG_UNREADABLE", severity: "error", message, file } as const;
  const diagnostics = [{ ...diagnostic, line: 1, column: 1, length: 1, hint: "put a regular file there" }];
  return { file, text: "", pipeline: undefined, name: undefined, diagnostics, texts: [], wanted: null };
}

/** By the `name` in the file, else by the file's name: a broken file must still be found. */
function chooseByName(files: LoadedFile[], wanted: string | undefined): LoadedFile[] {
  if (wanted === undefined) return files;
  const named = files.filter(({ name }) => name?.value === wanted);
  if (named.length > 0) return named;
  const byFile = files.filter(({ file }) => baseName(file) === wanted);
  if (byFile.length > 1) throw ambiguousName(wanted, byFile);
  if (byFile.length > 0) return byFile;
  const names = files.map(nameOfFile);
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

/** As people name it: by its `name`, or by the file's where it has none. */
export function nameOfFile({ name, file }: LoadedFile): string {
  return name?.value ?? baseName(file);
}

function baseName(file: string): string {
  return file.slice(file.lastIndexOf("/") + 1).replace(/\.ya?ml$/, "");
}
