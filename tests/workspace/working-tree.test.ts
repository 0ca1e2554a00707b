import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CicdError } from "../../src/errors/cicd-error.ts";
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
  repo = join(fixture.root, "web");
});
afterEach(() => fixture[Symbol.dispose]());

/** What the job would see of the working tree as it is. */
async function snapshotOf(path: string): Promise<Record<string, string>> {
  const source = await fixture.sources.open({ repo: path }, never);
  await source.takeSnapshot(never);
  return listTree(join(fixture.state.snapshots, source.source.tree.slice(0, 24)));
}

test("a clean tree is the commit's tree", async () => {
  await makeRepository(repo, { "a.txt": "a\n", "lib/b.txt": "b\n" });
  const { source, rootDir, warnings } = await fixture.sources.open({ repo }, never);
  expect(source).toEqual({
    repo: { key: repo, name: "web" },
    branch: "main",
    tag: null,
    commit: git(repo, "rev-parse", "HEAD"),
    commitMessage: "First commit\n\nWith a body.",
    tree: git(repo, "rev-parse", "HEAD^{tree}"),
    dirty: { modified: 0, untracked: 0 },
  });
  expect({ rootDir, warnings }).toEqual({ rootDir: repo, warnings: [] });
});

test.each(["no index", "DIRX".padEnd(60)])(
  "a damaged index (%j) is named by the user's path",
  async (content) => {
    await makeRepository(repo, { a: "1" });
    const index = join(repo, ".git", "index");
    writeFileSync(index, content);
    const error = await fixture.sources.open({ repo }, never).catch((reason: CicdError) => reason);
    expect(error).toMatchObject({
      code: "GIT_FAILED",
      message: `The git index ${index} is damaged.`,
      hint: expect.stringContaining("rm .git/index && git reset"),
    });
  },
);

test("modified, staged, deleted, new and ignored files count as they lie there", async () => {
  await makeRepository(repo, { ".gitignore": "*.log\n", a: "1", b: "1", c: "1", d: "1", e: "1" });
  await writeFiles(repo, { a: "2", "new/f": "n", "x.log": "ignored" });
  await writeFiles(repo, { b: "staged" });
  git(repo, "add", "b");
  await writeFiles(repo, { b: "staged, then changed" });
  unlinkSync(join(repo, "c"));
  git(repo, "rm", "-q", "--cached", "d");
  const { source } = await fixture.sources.open({ repo }, never);
  // a, b, c and d differ from the commit; d and new/f are unknown to the index.
  expect(source.dirty).toEqual({ modified: 4, untracked: 2 });
  expect(await snapshotOf(repo)).toEqual({
    ".gitignore": "*.log\n",
    a: "2",
    b: "staged, then changed",
    d: "1",
    e: "1",
    new: "dir",
    "new/f": "n",
  });
});

test("a change inside the second in which the index was written is seen", async () => {
  await makeRepository(repo, { a: "one" });
  for (let round = 0; round < 20; round++) {
    await writeFiles(repo, { a: `v${String(round).padStart(2, "0")}a` });
    git(repo, "add", "a");
    await writeFiles(repo, { a: `v${String(round).padStart(2, "0")}b` });
    expect(await snapshotOf(repo)).toEqual({ a: `v${String(round).padStart(2, "0")}b` });
  }
});

test("files that come and go meanwhile are there or not, and no error", async () => {
  await makeRepository(repo, { a: "1", b: "1", "c.bin": "1", ".gitattributes": "*.bin filter=pack\n" });
  git(repo, "config", "filter.pack.clean", "cat");
  // Swap files, a known file saved by renaming, a filtered one removed for a moment, a directory and a file in turns.
  const writer = Bun.spawn(["sh", "-c", COMING_AND_GOING], { cwd: repo, stdout: "ignore", stderr: "ignore" });
  try {
    const trees = new Set<string>();
    for (let round = 0; round < 40; round++) {
      const { source, readFile } = await fixture.sources.open({ repo }, never);
      expect(await readFile("a")).toBe("1");
      trees.add(source.tree);
    }
    expect(trees.size).toBeGreaterThan(1);
  } finally {
    writer.kill();
    await writer.exited;
  }
}, 60_000);

const COMING_AND_GOING = `
  while :; do
    for n in 1 2 3 4 5 6 7 8 9; do echo $n > .swp$n; done
    echo 1 > b~; mv b~ b; rm -f c.bin
    echo x > turn; rm -f .swp1 .swp2 .swp3 .swp4 .swp5 .swp6 .swp7 .swp8 .swp9
    echo 1 > c.bin; rm -f turn; mkdir turn; echo x > turn/x; rm -rf turn
  done
`;

test("files become directories, directories files, and either links", async () => {
  await makeRepository(repo, { file: "f", "dir/a": "a", "dir/b": "b", "tree/a": "a", plain: "p" });
  unlinkSync(join(repo, "file"));
  rmSync(join(repo, "dir"), { recursive: true });
  rmSync(join(repo, "tree"), { recursive: true });
  unlinkSync(join(repo, "plain"));
  await writeFiles(repo, { "file/inside": "i", dir: "d" });
  symlinkSync("file", join(repo, "tree"));
  symlinkSync("dir", join(repo, "plain"));
  expect(await snapshotOf(repo)).toEqual({
    dir: "d",
    file: "dir",
    "file/inside": "i",
    plain: "-> dir",
    tree: "-> file",
  });
});

test("odd names arrive as they are", async () => {
  const odd = [
    "-n",
    "--help",
    "a b",
    "new\nline",
    "tab\t",
    "ünïcödé",
    "日本",
    ":(glob)*",
    ":x",
    "*",
    "[a]",
    "a\\b",
    "'q'",
    '"q"',
    "{}",
    "$(id)",
  ];
  await makeRepository(repo, Object.fromEntries(odd.slice(0, 8).map((name) => [name, name])));
  await writeFiles(repo, Object.fromEntries(odd.map((name) => [name, `${name}!`])));
  expect(await snapshotOf(repo)).toEqual(Object.fromEntries(odd.map((name) => [name, `${name}!`])));
});

test("names that are not UTF-8 keep their bytes", async () => {
  await makeRepository(repo, { a: "a" });
  const name = Buffer.concat([Buffer.from(`${repo}/`), Buffer.from([0xff, 0xfe, 0x41])]);
  writeFileSync(name, "raw");
  const { source, takeSnapshot } = await fixture.sources.open({ repo }, never);
  await takeSnapshot(never);
  const snapshot = join(fixture.state.snapshots, source.tree.slice(0, 24));
  const found = Bun.spawnSync(["ls", snapshot]).stdout;
  expect(found.includes(Buffer.from([0xff, 0xfe, 0x41]))).toBe(true);
});

test("executable bits and every kind of link are kept", async () => {
  await makeRepository(repo, { "bin/run": "#!/bin/sh\n", a: "a" });
  chmodSync(join(repo, "bin/run"), 0o755);
  symlinkSync("bin/run", join(repo, "in"));
  symlinkSync("/etc/passwd", join(repo, "absolute"));
  symlinkSync("../../outside", join(repo, "up"));
  symlinkSync("nothing", join(repo, "dangling"));
  symlinkSync("loop2", join(repo, "loop1"));
  symlinkSync("loop1", join(repo, "loop2"));
  expect(await snapshotOf(repo)).toEqual({
    a: "a",
    absolute: "-> /etc/passwd",
    bin: "dir",
    "bin/run": "x #!/bin/sh\n",
    dangling: "-> nothing",
    in: "-> bin/run",
    loop1: "-> loop2",
    loop2: "-> loop1",
    up: "-> ../../outside",
  });
});

test("line endings follow the tree's attributes, not the user's settings", async () => {
  await makeRepository(repo, {
    ".gitattributes": "*.bat text eol=crlf\n*.txt text\n",
    "a.txt": "1\n",
    "b.bat": "1\n",
  });
  git(repo, "config", "core.autocrlf", "true");
  await writeFiles(repo, { "a.txt": "1\r\n2\r\n", "b.bat": "1\r\n2\r\n", raw: "1\r\n" });
  expect(await snapshotOf(repo)).toMatchObject({ "a.txt": "1\n2\n", "b.bat": "1\r\n2\r\n" });
});

test("a repository without commits, and one without an index", async () => {
  mkdirSync(repo);
  git(repo, "init", "-q", "-b", "trunk", ".");
  const empty = await fixture.sources.open({ repo }, never);
  expect(empty.source).toMatchObject({ branch: "trunk", commit: null, commitMessage: null });
  expect(await snapshotOf(repo)).toEqual({});
  await writeFiles(repo, { a: "a" });
  expect(await snapshotOf(repo)).toEqual({ a: "a" });
  git(repo, "add", "-A");
  git(repo, "commit", "-qm", "x");
  unlinkSync(join(repo, ".git/index"));
  expect(await snapshotOf(repo)).toEqual({ a: "a" });
});

test("a detached head has no branch, and a start in a sub-directory means the whole repository", async () => {
  await makeRepository(repo, { "deep/er/a": "a", b: "b" });
  git(repo, "checkout", "-q", "--detach");
  const { source, rootDir } = await fixture.sources.open({ repo: join(repo, "deep/er") }, never);
  expect(source).toMatchObject({ repo: { key: repo, name: "web" }, branch: null });
  expect(rootDir).toBe(repo);
  expect(Object.keys(await snapshotOf(join(repo, "deep")))).toEqual(["b", "deep", "deep/er", "deep/er/a"]);
  expect(await fixture.sources.repoKey(join(repo, "deep"), never)).toBe(repo);
});

test("a linked worktree is a repository of its own", async () => {
  await makeRepository(repo, { a: "a" });
  const tree = join(fixture.root, "tree");
  git(repo, "worktree", "add", "-q", "-b", "topic", tree);
  await writeFiles(tree, { a: "topic", new: "n" });
  const { source } = await fixture.sources.open({ repo: tree }, never);
  expect(source).toMatchObject({
    repo: { key: tree },
    branch: "topic",
    dirty: { modified: 1, untracked: 1 },
  });
  expect(await snapshotOf(tree)).toEqual({ a: "topic", new: "n" });
  expect(await snapshotOf(repo)).toEqual({ a: "a" });
});

test("an unmerged index gives what lies in the working tree", async () => {
  await makeRepository(repo, { a: "base", gone: "base" });
  git(repo, "checkout", "-q", "-b", "other");
  await writeFiles(repo, { a: "theirs", gone: "theirs" });
  git(repo, "commit", "-qam", "theirs");
  git(repo, "checkout", "-q", "main");
  await writeFiles(repo, { a: "ours", gone: "ours" });
  git(repo, "commit", "-qam", "ours");
  expect(() => git(repo, "merge", "-q", "other")).toThrow();
  unlinkSync(join(repo, "gone"));
  const { source } = await fixture.sources.open({ repo }, never);
  expect(source.dirty?.modified).toBe(2);
  const tree = await snapshotOf(repo);
  expect(Object.keys(tree)).toEqual(["a"]);
  expect(tree.a).toContain("<<<<<<<");
});

test("files outside of a sparse checkout are part of the tree", async () => {
  await makeRepository(repo, { "in/a": "a", "out/b": "b" });
  git(repo, "sparse-checkout", "set", "in");
  await writeFiles(repo, { "in/a": "changed" });
  expect(await snapshotOf(repo)).toEqual({ in: "dir", "in/a": "changed", out: "dir", "out/b": "b" });
});

test("a submodule and a repository inside are named and left out", async () => {
  await makeRepository(join(fixture.root, "library"), { l: "l" });
  await makeRepository(repo, { a: "a" });
  git(
    repo,
    "-c",
    "protocol.file.allow=always",
    "submodule",
    "add",
    "-q",
    join(fixture.root, "library"),
    "sub",
  );
  await makeRepository(join(repo, "nested"), { n: "n" });
  const { source, warnings } = await fixture.sources.open({ repo }, never);
  expect(warnings).toEqual([
    "The submodule sub is not part of the snapshot: its directory is empty there.",
    "The repository nested inside this one is not part of the snapshot.",
  ]);
  expect(source.dirty?.untracked).toBe(0);
  const tree = await snapshotOf(repo);
  expect(Object.keys(tree)).toEqual([".gitmodules", "a", "sub"]);
});

test("the repository stays as it is, byte for byte and to the nanosecond", async () => {
  await makeRepository(repo, { a: "1", b: "1", "dir/c": "1" });
  await writeFiles(repo, { a: "stashed" });
  git(repo, "stash", "-q");
  await writeFiles(repo, { a: "2", new: "n", "dir/c": "3" });
  git(repo, "add", "dir/c");
  unlinkSync(join(repo, "b"));
  const before = fingerprint(repo);
  for (const request of [{ repo }, { repo, branch: "main" }, { repo, commit: "HEAD" }]) {
    const source = await fixture.sources.open(request, never);
    await source.takeSnapshot(never);
    await source.listFiles("");
  }
  expect(fingerprint(repo)).toEqual(before);
});

test("a split index is read and not written", async () => {
  await makeRepository(repo, { a: "1", b: "1" });
  git(repo, "update-index", "--split-index");
  await writeFiles(repo, { a: "2" });
  expect(await snapshotOf(repo)).toEqual({ a: "2", b: "1" });
  expect(
    Bun.spawnSync(["sh", "-c", "ls .git | grep -c sharedindex"], { cwd: repo }).stdout.toString().trim(),
  ).toBe("1");
});

test("files are read from the tree that runs, links followed inside it only", async () => {
  await makeRepository(repo, {
    ".cicd-pipelines/ci.yml": "old",
    ".cicd-pipelines/b.yaml": "b",
    "a:b": "colon",
  });
  await writeFiles(repo, { ".cicd-pipelines/ci.yml": "new: ü\n", "big.yml": "x".repeat(1024 * 1024 + 500) });
  symlinkSync(".cicd-pipelines/ci.yml", join(repo, "in"));
  symlinkSync("/etc/passwd", join(repo, "out"));
  const source = await fixture.sources.open({ repo }, never);
  expect(await source.readFile(".cicd-pipelines/ci.yml")).toBe("new: ü\n");
  expect(await source.readFile("a:b")).toBe("colon");
  expect(await source.readFile("in")).toBe("new: ü\n");
  expect(await source.readFile("out")).toBeUndefined();
  expect(await source.readFile("gone")).toBeUndefined();
  expect(await source.readFile(".cicd-pipelines")).toBeUndefined();
  expect(await source.readFile("../web/in")).toBeUndefined();
  expect((await source.readFile("big.yml"))?.length).toBe(1024 * 1024 + 1);
  expect(await source.listFiles(".cicd-pipelines")).toEqual([
    ".cicd-pipelines/b.yaml",
    ".cicd-pipelines/ci.yml",
  ]);
  expect(await source.listFiles("")).toHaveLength(6);
  expect(await source.listFiles("gone")).toEqual([]);
});

test("files that are asked for at once are each what they are alone, however large one of them is", async () => {
  const large = "x".repeat(9 * 1024 * 1024);
  await makeRepository(repo, {
    "a.yml": "a\n",
    "big.yml": large,
    "z.yml": "z",
    "5 blob 5": "odd",
    empty: "",
  });
  symlinkSync("gone", join(repo, "dangling"));
  mkdirSync(join(repo, "dir"));
  await writeFiles(repo, { "dir/f": "f" });
  const source = await fixture.sources.open({ repo }, never);
  const names = [
    "a.yml",
    "none",
    "dir",
    "dangling",
    "empty",
    "big.yml",
    "5 blob 5",
    "z.yml",
    "a.yml/b",
    "a.yml",
  ];
  const texts = await Promise.all(names.map((name) => source.readFile(name)));
  expect(texts.map((text) => text?.slice(0, 9))).toEqual([
    "a\n",
    undefined,
    undefined,
    undefined,
    "",
    "xxxxxxxxx",
    "odd",
    "z",
    undefined,
    "a\n",
  ]);
  expect(texts[5]?.length).toBe(1024 * 1024 + 1);
});

test.each([
  "nothing",
  "a new file",
  "a change",
  "a deletion",
  "a file instead of the directory",
  "a promise to add one",
] as const)("the files below a directory are those of the tree after %s", async (what) => {
  await makeRepository(repo, { "p/b.yml": "b", "p/ü/a.yml": "a", "p.yml": "no", "q/c.yml": "c", top: "t" });
  if (what === "a new file") await writeFiles(repo, { "p/new.yml": "n" });
  if (what === "a change") await writeFiles(repo, { "p/b.yml": "changed" });
  if (what === "a deletion") unlinkSync(join(repo, "p/b.yml"));
  if (what === "a file instead of the directory") {
    rmSync(join(repo, "p"), { recursive: true });
    await writeFiles(repo, { p: "file" });
  }
  if (what === "a promise to add one") {
    await writeFiles(repo, { "p/later.yml": "later" });
    git(repo, "add", "-N", "p/later.yml");
  }
  const source = await fixture.sources.open({ repo }, never);
  const all = (await source.listFiles("")).filter((path) => path.startsWith("p/"));
  expect(await source.listFiles("p")).toEqual(all);
  expect(await source.listFiles("p/")).toEqual(all);
  expect(await source.listFiles("q")).toEqual(["q/c.yml"]);
});

test("a path with colons, quotes and blanks works", async () => {
  const path = join(fixture.root, 'a:b "c" d');
  await makeRepository(path, { a: "1" });
  await writeFiles(path, { a: "2", n: "n" });
  expect(await snapshotOf(path)).toEqual({ a: "2", n: "n" });
});

test("a repository that moved is another one", async () => {
  await makeRepository(repo, { a: "1" });
  const moved = join(fixture.root, "moved");
  renameSync(repo, moved);
  expect(await fixture.sources.repoKey(moved, never)).toBe(moved);
  expect(await codeOf(fixture.sources.repoKey(repo, never))).toBe("GIT_NOT_A_REPOSITORY");
});

test("an index of 20,000 files is read in less than two seconds", async () => {
  await makeRepository(repo, {});
  const hash = Bun.spawnSync(["git", "hash-object", "-w", "--stdin"], { cwd: repo, stdin: Buffer.from("x") })
    .stdout.toString()
    .trim();
  const lines = Array.from({ length: 20_000 }, (_, at) => `100644 ${hash}\td${at % 100}/f${at}\n`).join("");
  Bun.spawnSync(["git", "update-index", "--index-info"], { cwd: repo, stdin: Buffer.from(lines) });
  const started = performance.now();
  const { source } = await fixture.sources.open({ repo }, never);
  expect(performance.now() - started).toBeLessThan(2000);
  expect(source.dirty?.modified).toBe(20_000);
});
