import { join } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import type { Source } from "../run/workspace.ts";
import type { Files } from "./app.ts";

/** Where a repository keeps its pipelines. */
export const PIPELINE_DIRECTORY = ".cicd-pipelines";
/** What is read where that directory holds none. */
export const GITLAB_FILE = ".gitlab-ci.yml";

/** Where pipeline files are read from: the tree of a source, or a directory of this host. */
export interface PipelineTree {
  /** What is named like a pipeline file, sorted; paths from the top of the repository. */
  pipelineFiles: string[];
  read(path: string): Promise<PipelineText>;
}

/** `problem`: why it cannot be read, without the file's name. */
export type PipelineText = { text: string; problem?: never } | { text?: never; problem: string };

export async function treeOfSource(source: Source): Promise<PipelineTree> {
  const paths = await source.listFiles(PIPELINE_DIRECTORY);
  const own = toPipelineFiles(paths.map((path) => path.slice(PIPELINE_DIRECTORY.length + 1).split("/")[0]!));
  const hasGitlab = own.length === 0 && (await source.readFile(GITLAB_FILE)) !== undefined;
  return {
    pipelineFiles: hasGitlab ? [GITLAB_FILE] : own,
    async read(path) {
      const text = await source.readFile(path);
      if (text !== undefined) return { text };
      return { problem: "it is a directory, or a link that leads nowhere in the repository" };
    },
  };
}

export async function treeOnDisk(files: Files, root: string): Promise<PipelineTree> {
  const own = toPipelineFiles(await files.list(join(root, PIPELINE_DIRECTORY)));
  const hasGitlab = own.length === 0 && (await files.list(root)).includes(GITLAB_FILE);
  return {
    pipelineFiles: hasGitlab ? [GITLAB_FILE] : own,
    async read(path) {
      const onDisk = join(root, path);
      try {
        return { text: await files.readText(onDisk) };
      } catch (error) {
        if (!(error instanceof CicdError)) throw error;
        if (error.code === "CONFIG_NOT_FOUND") return { problem: "it is a link that leads nowhere" };
        if (error.code !== "CONFIG_UNREADABLE") throw error;
        return { problem: error.message.replaceAll(onDisk, "it") };
      }
    },
  };
}

/** `*.yml` and `*.yaml` as a shell understands them: no hidden files, which editors leave there for a while. */
function toPipelineFiles(names: string[]): string[] {
  const files = names.filter((name) => /^[^.].*\.ya?ml$/s.test(name));
  return [...new Set(files)].map((name) => `${PIPELINE_DIRECTORY}/${name}`);
}
