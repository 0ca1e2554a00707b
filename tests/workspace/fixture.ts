import { createHash } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { CicdError } from "../../src/errors/cicd-error.ts";
import type { SourceOpener } from "../../src/run/workspace.ts";
import { createGit, type Git } from "../../src/workspace/git.ts";
import { createSourceOpener } from "../../src/workspace/source.ts";
import { openStateDirectory, type StateDirectory } from "../../src/workspace/state-directory.ts";

export const never = new AbortController().signal;

/** A scratch directory with a state directory in it, and git as the product runs it. */
export interface Fixture extends Disposable {
  root: string;
  state: StateDirectory;
  git: Git;
  sources: SourceOpener;
  environment: Record<string, string>;
}

export async function makeFixture(): Promise<Fixture> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "cicd-workspace-")));
  const environment = { PATH: process.env.PATH ?? "", HOME: join(root, "home") };
  mkdirSync(environment.HOME);
  const state = await openStateDirectory(join(root, "state"));
  const git = createGit(environment);
  const sources = createSourceOpener(git, state, { hostName: "box" });
  const dispose = () => rmSync(root, { recursive: true, force: true });
  return { root, state, git, sources, environment, [Symbol.dispose]: dispose };
}

/** Git as a user of the test's repository runs it. */
export function git(cwd: string, ...args: string[]): string {
  const result = Bun.spawnSync(["git", ...args], {
    cwd,
    env: {
      PATH: process.env.PATH ?? "",
      HOME: "/nonexistent",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_AUTHOR_NAME: "A",
      GIT_AUTHOR_EMAIL: "a@example.org",
      GIT_COMMITTER_NAME: "A",
      GIT_COMMITTER_EMAIL: "a@example.org",
    },
  });
  if (result.exitCode !== 0) throw new Error(`git ${args.join(" ")}: ${result.stderr.toString()}`);
  return result.stdout.toString().trimEnd();
}

/** A repository with these files (made with their directories), committed on `main`. */
export async function makeRepository(path: string, files: Record<string, string>): Promise<string> {
  mkdirSync(path, { recursive: true });
  git(path, "init", "-q", "-b", "main", ".");
  await writeFiles(path, files);
  git(path, "add", "-A");
  git(path, "commit", "-q", "--allow-empty", "-m", "First commit\n\nWith a body.");
  return path;
}

export async function writeFiles(root: string, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    await Bun.write(join(root, path), text);
  }
}

/** Every path below `root` with its kind and content: `dir`, `-> target`, or the text (`x` before it: executable). */
export function listTree(root: string, below = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(root, below)).sort()) {
    const path = below === "" ? name : `${below}/${name}`;
    const stats = lstatSync(join(root, path));
    if (stats.isSymbolicLink()) found[path] = `-> ${readlinkSync(join(root, path))}`;
    else if (stats.isDirectory()) Object.assign(found, { [path]: "dir" }, listTree(root, path));
    else found[path] = (stats.mode & 0o100 ? "x " : "") + readFileSync(join(root, path), "utf8");
  }
  return found;
}

/** What must not change: content, size, mode and time of everything below `root`. */
export function fingerprint(root: string, below = ""): string[] {
  return readdirSync(join(root, below)).flatMap((name) => {
    const path = join(below, name);
    const stats = lstatSync(join(root, path), { bigint: true });
    const facts = `${path} ${stats.mode} ${stats.size} ${stats.mtimeNs} ${stats.ino}`;
    if (stats.isDirectory()) return [facts, ...fingerprint(root, path)];
    if (!stats.isFile()) return [facts];
    return [
      `${facts} ${createHash("sha256")
        .update(readFileSync(join(root, path)))
        .digest("hex")}`,
    ];
  });
}

/** The code of the `CicdError` that a promise rejects with; anything else fails the test. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof CicdError) return error.code;
    throw error;
  }
  return "nothing was thrown";
}
