import { type Git, records } from "./git.ts";
import { type GitPlace, resolveRevision } from "./revision.ts";
import { objectEnvironment, type TreeObjects } from "./tree-objects.ts";

/**
 * The branch that others leave: where `origin` points, else its or this repository's `main` or `master`. Null: there is none.
 */
export async function findDefaultBranch(
  git: Git,
  place: GitPlace,
  signal: AbortSignal,
): Promise<{ name: string; ref: string } | null> {
  const names = ["refs/remotes/origin/HEAD", ...["main", "master"].flatMap(candidates)];
  const args = ["for-each-ref", "--format=%(refname) %(symref)", ...names];
  const { stdout } = await git({ ...place, args }, signal);
  const found = new Map(
    records(stdout, "\n").map((line) => {
      const [ref = "", target = ""] = Buffer.from(line, "latin1").toString("utf8").split(" ");
      return [ref, target || ref];
    }),
  );
  for (const name of names) {
    const ref = found.get(name);
    if (ref !== undefined) return { name: ref.replace(/^refs\/(?:heads|remotes\/origin)\//, ""), ref };
  }
  return null;
}

const candidates = (name: string) => [`refs/remotes/origin/${name}`, `refs/heads/${name}`];

/**
 * The files that a tree and the commit it left `base` at differ in, renamed ones by both names; what is not committed counts.
 * `base` null: the default branch. Null: that cannot be told. Throws GIT_REF_NOT_FOUND for a base that is none.
 */
export async function findChangedPaths(
  git: Git,
  place: GitPlace,
  { objects, commit, base }: { objects: TreeObjects; commit: string | null; base: string | null },
  signal: AbortSignal,
): Promise<string[] | null> {
  if (commit === null) return null;
  const from =
    base === null
      ? (await findDefaultBranch(git, place, signal))?.ref
      : (await resolveRevision(git, place, base, signal)).hash;
  if (from === undefined) return null;
  const merged = await git(
    { ...place, args: ["merge-base", "--end-of-options", commit, from], answers: [0, 1, 128] },
    signal,
  );
  if (merged.status !== 0) return null;
  const fork = merged.stdout.toString("latin1").trim();
  const environment = { ...place.environment, ...objectEnvironment(objects.directories) };
  const flags = ["-r", "-z", "--name-only", "--no-renames", "--ignore-submodules=none"];
  const args = ["diff-tree", ...flags, "--end-of-options", fork, objects.tree, "--"];
  const { stdout } = await git({ cwd: place.cwd, environment, args }, signal);
  return records(stdout, "\0").map((path) => Buffer.from(path, "latin1").toString("utf8"));
}
