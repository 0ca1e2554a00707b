import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { codeOf, type Fixture, git, makeFixture, makeRepository, never, writeFiles } from "./fixture.ts";

/** Git starts many processes; other tests may keep the machine busy meanwhile. */
setDefaultTimeout(30_000);

let fixture: Fixture;
let repo: string;
let url: string;
beforeEach(async () => {
  fixture = await makeFixture();
  repo = await makeRepository(join(fixture.root, "web"), { a: "1", "docs/b": "1" });
  url = `file://${repo}`;
});
afterEach(() => fixture[Symbol.dispose]());

async function commit(files: Record<string, string>): Promise<string> {
  await writeFiles(repo, files);
  git(repo, "add", "-A");
  git(repo, "commit", "-q", "-m", `Change ${Object.keys(files)}`);
  return git(repo, "rev-parse", "HEAD");
}

test("a ref of the remote is fetched: a tag, the head of a request, and an older commit of either", async () => {
  git(repo, "tag", "-a", "v1", "-m", "One");
  const tag = await fixture.sources.open({ repo: url, ref: "refs/tags/v1" }, never);
  expect(tag.source).toMatchObject({ branch: null, tag: "v1", commit: git(repo, "rev-parse", "HEAD") });
  git(repo, "checkout", "-q", "--detach");
  const first = await commit({ a: "2" });
  const second = await commit({ a: "3" });
  git(repo, "update-ref", "refs/pull/7/head", "HEAD");
  git(repo, "checkout", "-q", "main");
  const head = await fixture.sources.open({ repo: url, ref: "refs/pull/7/head" }, never);
  expect(head.source).toMatchObject({ branch: null, tag: null, commit: second });
  const older = await fixture.sources.open({ repo: url, ref: "refs/pull/7/head", commit: first }, never);
  expect(older.source.commit).toBe(first);
  expect(await older.readFile("a")).toBe("2");
  const branch = await fixture.sources.open({ repo: url, ref: "refs/heads/main" }, never);
  expect(branch.source).toMatchObject({ branch: "main", tag: null });
  for (const ref of ["refs/pull/8/head", "main", "--upload-pack=x", "refs/../x", "refs/heads/*"])
    expect(`${ref} ${await codeOf(fixture.sources.open({ repo: url, ref }, never))}`).toBe(
      `${ref} GIT_REF_NOT_FOUND`,
    );
});

test("what changed between two commits is told as pushes and as requests show it", async () => {
  const start = git(repo, "rev-parse", "HEAD");
  git(repo, "checkout", "-q", "--detach");
  const theirs = await commit({ "src/n": "n" });
  git(repo, "update-ref", "refs/pull/7/head", "HEAD");
  git(repo, "checkout", "-q", "main");
  git(repo, "mv", "docs/b", "docs/c");
  const main = await commit({ a: "2" });
  const changed = (from: string, to: string, since: "from" | "merge-base", ref?: string) =>
    fixture.sources.changedFiles(url, { from, to, since, ...(ref === undefined ? {} : { ref }) }, never);
  expect(await changed(start, main, "from")).toEqual(["a", "docs/b", "docs/c"]);
  expect(await changed(main, theirs, "merge-base", "refs/pull/7/head")).toEqual(["src/n"]);
  expect(await changed(main, theirs, "from")).toEqual(["a", "docs/b", "docs/c", "src/n"]);
  expect(await changed("0".repeat(40), main, "from")).toBeUndefined();
  expect(await codeOf(changed("HEAD", main, "from"))).toBe("GIT_REF_NOT_FOUND");
  expect(await codeOf(changed(start, main, "from", "refs/pull/9/head"))).toBe("GIT_REF_NOT_FOUND");
});

test("a run of the queue is restored from what was received, or not at all when that is gone", async () => {
  const { createTreeTransfer } = await import("../../src/workspace/tree-transfer.ts");
  const transfer = createTreeTransfer(fixture.git, fixture.state);
  await writeFiles(repo, { a: "dirty" });
  const source = await fixture.sources.open({ repo }, never);
  const ids = await transfer.listObjects(source, never);
  await transfer.receivePack(transfer.writePack(source, ids, never), { maxBytes: 1e6 }, never);
  const recorded = { ...source.source, repo: await fixture.sources.sharedRepo(repo, never) };
  rmSync(repo, { recursive: true });
  await fixture.sources.restoreSnapshot(recorded, never);
  rmSync(join(fixture.state.received), { recursive: true });
  rmSync(join(fixture.state.snapshots, recorded.tree.slice(0, 24)), { recursive: true });
  expect(await codeOf(fixture.sources.restoreSnapshot(recorded, never))).toBe("SNAPSHOT_GONE");
});
