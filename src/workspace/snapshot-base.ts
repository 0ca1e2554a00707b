import { linkSync } from "node:fs";
import { rm } from "node:fs/promises";
import { type Git, records } from "./git.ts";
import { hasErrno } from "./io-error.ts";
import { makeOpenDirectory } from "./open-permissions.ts";

/** Entries that are linked before other work gets its turn. */
const BATCH = 1000;

/** A snapshot is never written again, so the next one of the same repository can share its unchanged files. */
export interface BaseSnapshot {
  tree: string;
  path: string;
}

/**
 * Makes `target` with every file of `tree` that `base` holds already, as hard links, and returns the paths (git's bytes,
 * one character per byte) that are left to be checked out. Null, and no `target`: everything has to be checked out, since
 * the base is gone, attributes changed, or this file system does not link.
 */
export async function linkUnchangedFiles(
  git: Git,
  base: BaseSnapshot,
  next: { tree: string; target: string; environment: Record<string, string> },
  signal: AbortSignal,
): Promise<string[] | null> {
  const call = { cwd: base.path, environment: { ...next.environment, GIT_WORK_TREE: base.path } };
  let changes: Set<string>;
  try {
    const args = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", base.tree, next.tree];
    changes = new Set(records((await git({ ...call, args }, signal)).stdout, "\0"));
  } catch {
    signal.throwIfAborted();
    return null;
  }
  for (const path of changes) if (/(^|\/)\.gitattributes$/.test(path)) return null;
  const { stdout } = await git({ ...call, args: ["ls-tree", "-r", "-z", next.tree] }, signal);
  try {
    return await linkEntries(records(stdout, "\0"), changes, base.path, next.target, signal);
  } catch (error) {
    await rm(next.target, { recursive: true, force: true });
    if (hasErrno(error, "ENOENT", "EMLINK", "EPERM", "ENOTSUP", "EXDEV", "ENOTDIR", "EEXIST")) return null;
    throw error;
  }
}

/** Links of the tree are made anew: not every system can link to a link. */
async function linkEntries(
  entries: readonly string[],
  changes: ReadonlySet<string>,
  base: string,
  target: string,
  signal: AbortSignal,
): Promise<string[]> {
  const from = toBytes(`${base}/`);
  const to = toBytes(`${target}/`);
  const left: string[] = [];
  const made = new Set<string>();
  makeOpenDirectory(target);
  for (const [at, entry] of entries.entries()) {
    if (at % BATCH === BATCH - 1) await Bun.sleep(0);
    signal.throwIfAborted();
    const path = entry.slice(entry.indexOf("\t") + 1);
    if (changes.has(path) || !entry.startsWith("100")) left.push(path);
    else {
      makeParents(to, path, made);
      linkSync(Buffer.from(from + path, "latin1"), Buffer.from(to + path, "latin1"));
    }
  }
  return left;
}

function makeParents(root: string, path: string, made: Set<string>): void {
  const end = path.lastIndexOf("/");
  if (end < 0) return;
  const parent = path.slice(0, end);
  if (made.has(parent)) return;
  makeParents(root, parent, made);
  makeOpenDirectory(Buffer.from(root + parent, "latin1"));
  made.add(parent);
}

/** A path of this program in the form of git's: one character per byte. */
function toBytes(path: string): string {
  return Buffer.from(path, "utf8").toString("latin1");
}
