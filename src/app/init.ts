import { isAbsolute, join } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import { starterPipeline } from "../pipeline/starter.ts";
import type { App } from "./app.ts";
import { PIPELINE_DIRECTORY } from "./pipeline-tree.ts";

/** Files whose content says more than their name. */
const TELLING_FILES = ["package.json", "Makefile", "makefile", "GNUmakefile"];

/** What every git directory has (git's own test), and no working tree. */
const GIT_DIRECTORY_ENTRIES = ["HEAD", "objects", "refs"];

/**
 * Writes a first pipeline that fits the repository. Never overwrites: throws USAGE where the file exists, and for a URL or
 * a bare repository, which have no working tree to write to. Throws GIT_NOT_A_REPOSITORY, PERMISSION_DENIED, DISK_FULL.
 */
export async function initPipeline(app: App, repo: string, signal: AbortSignal): Promise<{ file: string }> {
  const root = await (await app.sources()).repoKey(repo, signal);
  if (!isAbsolute(root)) throw noWorkingTree(`${root} is a URL`);
  const names = await app.files.list(root);
  const isBare = !names.includes(".git") && GIT_DIRECTORY_ENTRIES.every((entry) => names.includes(entry));
  if (isBare) throw noWorkingTree(`${root} is a bare repository`);
  const contents: Record<string, string> = {};
  for (const name of TELLING_FILES.filter((telling) => names.includes(telling))) {
    const text = await app.files.readText(join(root, name)).catch(() => undefined);
    if (text !== undefined) contents[name] = text;
  }
  const starter = starterPipeline(names, contents);
  const file = join(root, PIPELINE_DIRECTORY, `${starter.name}.yml`);
  if (await app.files.create(file, starter.text)) return { file };
  throw new CicdError("USAGE", `${file} exists already`, { hint: "check it with: cicd check" });
}

function noWorkingTree(what: string): CicdError {
  return new CicdError("USAGE", `${what}: init writes into a working tree`, {
    hint: "clone it, and call init in the clone",
  });
}
