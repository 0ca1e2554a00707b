import { mkdirSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ioError } from "./io-error.ts";
import { markUsed, type StateDirectory, shortHash } from "./state-directory.ts";

/** A git tree and where its objects lie: enough to read it without the repository, its configuration or its hooks. */
export interface TreeObjects {
  tree: string;
  /** Object directories; the first takes new objects. */
  directories: readonly string[];
}

/** The directory that takes the objects of a repository's uncommitted files, so that its own stays untouched. */
export async function privateObjects(state: StateDirectory, repoKey: string): Promise<string> {
  const path = join(state.objects, shortHash(repoKey));
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw ioError(error, "making an object directory");
  }
  await markUsed(path);
  return path;
}

/** Lets git find the objects of `directories`. */
export function objectEnvironment(directories: readonly string[]): Record<string, string> {
  const [own = "", ...others] = directories;
  return {
    GIT_OBJECT_DIRECTORY: own,
    GIT_ALTERNATE_OBJECT_DIRECTORIES: others.map(quotePath).join(":"),
  };
}

/** In git's list of directories a path with a colon, or a leading quote, stands in C quotes. */
function quotePath(path: string): string {
  return /[:"\n\\]/.test(path) ? `"${path.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n")}"` : path;
}

/**
 * The environment of a git that knows nothing but these objects: an empty repository of its own in `directory` (made by
 * this call), no configuration of the user, the machine or the source. What it reads depends on the tree alone.
 */
export async function bareEnvironment(
  directory: string,
  objects: TreeObjects,
): Promise<Record<string, string>> {
  await makeBareRepository(directory, objects.tree.length === 64 ? "sha256" : "sha1");
  return { ...objectEnvironment(objects.directories), ...isolated(directory) };
}

/** Hash functions that git names objects by. */
export type ObjectFormat = "sha1" | "sha256";

/** An empty repository with no more than its format for configuration. Large files pass through git in pieces. */
export async function makeBareRepository(directory: string, objectFormat: ObjectFormat): Promise<void> {
  const sha256 = objectFormat === "sha256";
  const format = sha256
    ? "repositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n"
    : "repositoryformatversion = 0\n";
  // Each of these takes less time than another thread would to begin with it.
  mkdirSync(join(directory, "refs"), { recursive: true, mode: 0o700 });
  mkdirSync(join(directory, "objects"), { recursive: true, mode: 0o700 });
  writeFileSync(join(directory, "HEAD"), "ref: refs/heads/none\n");
  writeFileSync(join(directory, "config"), `[core]\n\tbigFileThreshold = 32m\n\t${format}`);
}

/** Nothing but the repository in `directory` counts. */
export function isolated(directory: string): Record<string, string> {
  return {
    GIT_DIR: directory,
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_SYSTEM: "/dev/null",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_ATTR_NOSYSTEM: "1",
    HOME: directory,
    XDG_CONFIG_HOME: directory,
  };
}
