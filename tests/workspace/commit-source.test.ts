import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CicdError } from "../../src/errors/cicd-error.ts";
import { isRefName } from "../../src/workspace/revision.ts";
import {
  codeOf,
  type Fixture,
  fingerprint,
  git,
  listTree,
  makeFixture,
  makeRepository,
  never,
  writeFiles,
} from "./fixture.ts";

let fixture: Fixture;
let repo: string;
beforeEach(async () => {
  fixture = await makeFixture();
  repo = await makeRepository(join(fixture.root, "web"), { a: "1" });
});
afterEach(() => fixture[Symbol.dispose]());

/** A second commit on `main`, and the first one's hash. */
async function commitAgain(): Promise<string> {
  const first = git(repo, "rev-parse", "HEAD");
  await writeFiles(repo, { a: "2" });
  git(repo, "commit", "-qam", "Second");
  return first;
}

test("a commit's message is all of it, byte for byte but for the line feeds at its end, up to a length", async () => {
  const commit = async (message: string) => {
    await Bun.write(join(fixture.root, "message"), message);
    git(repo, "commit", "-q", "--allow-empty", "--cleanup=verbatim", "-F", join(fixture.root, "message"));
    return (await fixture.sources.open({ repo, commit: "HEAD" }, never)).source.commitMessage;
  };
  const odd = "Title  with  blanks \t\n\n  body $HOME `id` \u00e4\u{1f600} \n\n# end";
  expect(await commit(`${odd}\n\n\n`)).toBe(odd);
  const long = await commit(`${"\u{1f600}".repeat(29_999)}x\u{1f600}\u{1f600}`);
  expect(long).toBe(`${"\u{1f600}".repeat(29_999)}x`);
});

test("a commit, its prefix, a tag and a step back are that commit, whatever lies in the working tree", async () => {
  const first = await commitAgain();
  git(repo, "tag", "-a", "v1", "-m", "one", first);
  await writeFiles(repo, { a: "dirty", new: "n" });
  for (const commit of [first, first.slice(0, 8), first.toUpperCase(), "v1", "HEAD~1", "main^"]) {
    const { source, takeSnapshot } = await fixture.sources.open({ repo, commit }, never);
    expect(source).toMatchObject({
      commit: first,
      branch: null,
      dirty: null,
      commitMessage: "First commit\n\nWith a body.",
    });
    await takeSnapshot(never);
    expect(listTree(join(fixture.state.snapshots, source.tree.slice(0, 24)))).toEqual({ a: "1" });
  }
});

test("a branch is its newest commit; a remote's counts where there is no local one", async () => {
  const first = await commitAgain();
  git(repo, "update-ref", "refs/remotes/origin/feature/x", first);
  git(repo, "update-ref", "refs/remotes/origin/main", first);
  const local = await fixture.sources.open({ repo, branch: "main" }, never);
  expect(local.source).toMatchObject({ branch: "main", commitMessage: "Second", dirty: null });
  const remote = await fixture.sources.open({ repo, branch: "feature/x" }, never);
  expect(remote.source).toMatchObject({ branch: "feature/x", commit: first });
});

test("branch and commit together are recorded together", async () => {
  const first = await commitAgain();
  const { source } = await fixture.sources.open({ repo, branch: "main", commit: first }, never);
  expect(source).toMatchObject({ branch: "main", commit: first });
});

test.each(["-x", "--upload-pack=touch pwned", "a..b", "a b", "a~b", "x.lock", "", "@{-1}", "a\nb", "gone"])(
  "the branch %p is refused",
  async (branch) => {
    expect(await codeOf(fixture.sources.open({ repo, branch }, never))).toBe("GIT_REF_NOT_FOUND");
  },
);

test.each([
  "-x",
  "--all",
  "HEAD:a",
  "HEAD@{1}",
  ":/First",
  "HEAD^{/x}",
  "deadbeef",
  "0".repeat(40),
  "abc",
  "",
  "a..b",
])("the commit %p is refused", async (commit) => {
  expect(await codeOf(fixture.sources.open({ repo, commit }, never))).toBe("GIT_REF_NOT_FOUND");
});

test("a branch that is not there is named, and one that is a tag points to -c", async () => {
  git(repo, "tag", "v1.0");
  git(repo, "tag", "-a", "v2.0", "-m", "two");
  const fail = (request: { repo: string; branch: string }) =>
    fixture.sources.open(request, never).catch((error: unknown) => error as CicdError);
  for (const branch of ["v1.0", "v2.0"])
    expect(await fail({ repo, branch })).toMatchObject({
      code: "GIT_REF_NOT_FOUND",
      message: `There is no branch ${branch} in the repository.`,
      hint: `${branch} is a tag: use -c ${branch}`,
    });
  expect(await fail({ repo, branch: "gone" })).toMatchObject({ code: "GIT_REF_NOT_FOUND", hint: undefined });
  const url = `file://${repo}`;
  for (const branch of ["v1.0", "gone"])
    expect(await fail({ repo: url, branch })).toMatchObject({
      code: "GIT_REF_NOT_FOUND",
      message: `There is no branch ${branch} in ${url}.`,
    });
});

test("what is a branch name agrees with git", () => {
  const names = [
    "a",
    "a/b",
    "feature/x-1",
    "ü",
    "a.b",
    "@x",
    "a@",
    "a{b",
    ".a",
    "a/.b",
    "a.",
    "a//b",
    "/a",
    "a/",
    "a.lock/b",
    "@",
    "a@{b",
    "a\\b",
    "a\x7f",
    "a*",
    "a[b",
    "a:b",
  ];
  for (const name of names) {
    const { exitCode } = Bun.spawnSync(["git", "check-ref-format", `refs/heads/${name}`]);
    const special = name === "@";
    expect([name, isRefName(name)]).toEqual([name, exitCode === 0 && !special]);
  }
});

test("a bare repository is its head commit", async () => {
  const bare = join(fixture.root, "web.git");
  git(fixture.root, "clone", "-q", "--bare", repo, bare);
  const before = fingerprint(bare);
  const { source, rootDir } = await fixture.sources.open({ repo: bare }, never);
  expect(source).toMatchObject({
    repo: { key: bare, name: "web" },
    branch: null,
    dirty: null,
    commitMessage: "First commit\n\nWith a body.",
  });
  expect(rootDir).toBeNull();
  expect(fingerprint(bare)).toEqual(before);
});

test("a file URL is cloned, and fetched again when it has moved on", async () => {
  const url = `file://${repo}`;
  const first = await fixture.sources.open({ repo: url }, never);
  expect(first.source).toEqual({
    repo: { key: url, name: "web" },
    branch: "main",
    tag: null,
    commit: git(repo, "rev-parse", "HEAD"),
    commitMessage: "First commit\n\nWith a body.",
    tree: git(repo, "rev-parse", "HEAD^{tree}"),
    dirty: null,
  });
  expect(first.rootDir).toBeNull();
  await commitAgain();
  const second = await fixture.sources.open({ repo: url }, never);
  expect(second.source.commitMessage).toBe("Second");
  expect(await second.readFile("a")).toBe("2");
  await second.takeSnapshot(never);
  expect(listTree(join(fixture.state.snapshots, second.source.tree.slice(0, 24)))).toEqual({ a: "2" });
  expect(await fixture.sources.repoKey(url, never)).toBe(url);
});

test("a URL's branches, tags and old commits are found, before and after a shallow fetch", async () => {
  const first = await commitAgain();
  git(repo, "tag", "v1", first);
  git(repo, "branch", "topic", first);
  const url = `file://${repo}`;
  const open = async (request: object) =>
    (await fixture.sources.open({ repo: url, ...request }, never)).source;
  expect(await open({ branch: "topic" })).toMatchObject({ branch: "topic", commit: first });
  expect(await open({ commit: first.slice(0, 10) })).toMatchObject({ branch: null, commit: first });
  expect(await open({ commit: "v1" })).toMatchObject({ commit: first });
  expect(await open({})).toMatchObject({ commitMessage: "Second" });
  expect(await open({ branch: "main", commit: "HEAD~1" }).catch(() => null)).toBeNull();
  expect(await open({ branch: "main", commit: "main~1" })).toMatchObject({ commit: first });
});

test("a branch that was rewritten or replaced by a deeper name is followed", async () => {
  const url = `file://${repo}`;
  git(repo, "branch", "x");
  await fixture.sources.open({ repo: url, branch: "x" }, never);
  git(repo, "commit", "-q", "--amend", "-m", "Rewritten");
  git(repo, "branch", "-q", "-D", "x");
  git(repo, "branch", "x/y");
  expect((await fixture.sources.open({ repo: url, branch: "x/y" }, never)).source.commitMessage).toBe(
    "Rewritten",
  );
  expect(await codeOf(fixture.sources.open({ repo: url, branch: "x" }, never))).toBe("GIT_REF_NOT_FOUND");
});

test("a missing branch or repository behind a URL is named", async () => {
  const url = `file://${repo}`;
  expect(await codeOf(fixture.sources.open({ repo: url, branch: "gone" }, never))).toBe("GIT_REF_NOT_FOUND");
  expect(await codeOf(fixture.sources.open({ repo: url, commit: "deadbeef" }, never))).toBe(
    "GIT_REF_NOT_FOUND",
  );
  const gone = `file://${fixture.root}/gone`;
  expect(await codeOf(fixture.sources.open({ repo: gone }, never))).toBe("GIT_NOT_A_REPOSITORY");
  mkdirSync(join(fixture.root, "none"));
  git(join(fixture.root, "none"), "init", "-q", "--bare", ".");
  expect(await codeOf(fixture.sources.open({ repo: `file://${fixture.root}/none` }, never))).toBe(
    "GIT_REF_NOT_FOUND",
  );
});

test("eight openings of one URL at once all succeed", async () => {
  const url = `file://${repo}`;
  const opened = await Promise.all(
    Array.from({ length: 8 }, () => fixture.sources.open({ repo: url }, never)),
  );
  expect(new Set(opened.map(({ source }) => source.commit)).size).toBe(1);
  expect(readdirSync(fixture.state.clones).filter((name) => name.includes("."))).toEqual([]);
});

test("a lock left by a process that is gone does not stop a fetch", async () => {
  const url = `file://${repo}`;
  await fixture.sources.open({ repo: url }, never);
  const [clone] = readdirSync(fixture.state.clones);
  const gone = Bun.spawnSync(["true"]).pid;
  const host = (await import("node:os")).hostname();
  writeFileSync(
    join(fixture.state.clones, `${clone}.lock`),
    `${JSON.stringify({ host, pid: gone, id: "x" })}\n`,
  );
  await fixture.sources.open({ repo: url }, never);
  expect(existsSync(join(fixture.state.clones, `${clone}.lock`))).toBe(false);
});

test("an https URL's password reaches git by the environment, for its host only, and no argument or message", async () => {
  const bin = join(fixture.root, "bin");
  mkdirSync(bin);
  const log = join(fixture.root, "calls");
  writeFileSync(
    join(bin, "git"),
    `#!/bin/sh\n{ echo "args: $*"; env; echo; } >> ${log}\n[ "$3" = x ] || exit 0\n`,
    { mode: 0o755 },
  );
  const { createGit } = await import("../../src/workspace/git.ts");
  const { createSourceOpener } = await import("../../src/workspace/source.ts");
  const spied = createSourceOpener(createGit({ PATH: `${bin}:${process.env.PATH}` }), fixture.state, {
    hostName: "box",
  });
  const attempt = spied.open({ repo: "https://me:s3cret@host.example/x" }, never);
  await expect(attempt).rejects.toThrow(/^((?!s3cret).)*$/);
  const calls = await Bun.file(log).text();
  const header = `Authorization: Basic ${Buffer.from("me:s3cret").toString("base64")}`;
  expect(calls).toContain("GIT_CONFIG_KEY_0=http.https://host.example/.extraHeader");
  expect(calls).toContain(`GIT_CONFIG_VALUE_0=${header}`);
  expect(calls).toContain("http.followRedirects=false");
  expect(calls).toContain("GIT_ALLOW_PROTOCOL=https");
  expect(calls).not.toContain("s3cret");
  for (const line of calls.split("\n")) if (line.startsWith("args:")) expect(line).not.toContain(header);
});
