import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
  codeOf,
  type Fixture,
  git,
  listTree,
  makeFixture,
  makeRepository,
  never,
  writeFiles,
} from "./fixture.ts";

let fixture: Fixture;
let repo: string;
let mark: string;
let program: string;
beforeEach(async () => {
  fixture = await makeFixture();
  repo = await makeRepository(join(fixture.root, "evil"), { a: "1", b: "1" });
  mark = join(fixture.root, "ran");
  program = join(fixture.root, "program");
  writeFileSync(program, `#!/bin/sh\necho "$0 $*" >> ${mark}\ncat\n`, { mode: 0o755 });
});
afterEach(() => fixture[Symbol.dispose]());

/** Everything the product does with a repository of this host. */
async function useRepository(): Promise<void> {
  for (const request of [
    { repo },
    { repo, branch: "main" },
    { repo, commit: "HEAD" },
    { repo: `file://${repo}` },
  ]) {
    const source = await fixture.sources.open(request, never);
    await source.takeSnapshot(never);
    await source.listFiles("");
    await source.readFile("a");
  }
  await fixture.sources.repoKey(repo, never);
}

function configure(text: string): void {
  appendFileSync(join(repo, ".git/config"), `\n${text}\n`);
}

test("no filter driver runs, required or not, and the files' own bytes count", async () => {
  configure(
    `[filter "evil"]\nclean = ${program} clean\nsmudge = ${program} smudge\nprocess = ${program} process\nrequired = true`,
  );
  configure(`[filter "Ünder score"]\nclean = ${program} clean2\nrequired`);
  await writeFiles(repo, { ".gitattributes": "* filter=evil\n", a: "changed", new: "n" });
  const { source, takeSnapshot } = await fixture.sources.open({ repo }, never);
  await takeSnapshot(never);
  expect(listTree(join(fixture.state.snapshots, source.tree.slice(0, 24)))).toMatchObject({
    a: "changed",
    b: "1",
    new: "n",
  });
  await useRepository();
  expect(existsSync(mark)).toBe(false);
});

test("a filter whose name cannot be switched off is refused", async () => {
  configure(`[filter "a=b"]\nclean = ${program}`);
  await writeFiles(repo, { ".gitattributes": "* filter=a=b\n", a: "changed" });
  expect(await codeOf(fixture.sources.open({ repo }, never))).toBe("GIT_FAILED");
  expect(existsSync(mark)).toBe(false);
});

test("a file that git stores as a pointer (LFS) is taken with its content", async () => {
  const pointer = join(fixture.root, "pointer");
  writeFileSync(pointer, "#!/bin/sh\nread line; echo pointer\n", { mode: 0o755 });
  configure(`[filter "lfs"]\nclean = ${pointer}\nsmudge = cat\nrequired = true`);
  await writeFiles(repo, {
    ".gitattributes": "*.bin filter=lfs -text\n",
    "x.bin": "the content\n",
    "y.bin": "more\n",
  });
  for (const name of ["x.bin", "y.bin"]) utimesSync(join(repo, name), 1_700_000_000, 1_700_000_000);
  git(repo, "add", "-A");
  git(repo, "commit", "-qm", "lfs");
  expect(git(repo, "show", "HEAD:x.bin")).toBe("pointer");
  rmSync(join(repo, "y.bin"));
  symlinkSync("/etc/passwd", join(repo, "y.bin"));
  const { source, takeSnapshot } = await fixture.sources.open({ repo }, never);
  await takeSnapshot(never);
  expect(listTree(join(fixture.state.snapshots, source.tree.slice(0, 24)))).toMatchObject({
    "x.bin": "the content\n",
    "y.bin": "-> /etc/passwd",
  });
  expect(source.dirty).toEqual({ modified: 1, untracked: 0 });
});

test("no fsmonitor, hook, pager, editor, credential helper, ssh command or alternate program runs", async () => {
  configure(`[core]
    fsmonitor = ${program} fsmonitor
    hooksPath = ${join(fixture.root, "hooks")}
    pager = ${program} pager
    editor = ${program} editor
    sshCommand = ${program} ssh
    askPass = ${program} askpass
    gitProxy = ${program} proxy
    alternateRefsCommand = ${program} alternates
[credential]\n helper = ${program} credential
[diff]\n external = ${program} diff
[log]\n showSignature = true
[gpg]\n program = ${program} gpg
[uploadpack]\n packObjectsHook = ${program} pack
[status]\n submoduleSummary = true
[gc]\n auto = 1`);
  for (const directory of [join(fixture.root, "hooks"), join(repo, ".git/hooks")]) {
    mkdirSync(directory, { recursive: true });
    for (const hook of [
      "post-index-change",
      "post-checkout",
      "pre-auto-gc",
      "reference-transaction",
      "fsmonitor-watchman",
    ]) {
      writeFileSync(join(directory, hook), `#!/bin/sh\necho hook >> ${mark}\n`);
      chmodSync(join(directory, hook), 0o755);
    }
  }
  await writeFiles(repo, { a: "changed" });
  await useRepository();
  expect(existsSync(mark)).toBe(false);
});

test("a missing object of a partial clone is not fetched, by whatever its remote names", async () => {
  const hash = git(repo, "rev-parse", "HEAD:a");
  rmSync(join(repo, ".git/objects", hash.slice(0, 2), hash.slice(2)));
  configure(`[core]\nrepositoryformatversion = 1\nsshCommand = ${program}
[extensions]\npartialClone = origin
[remote "origin"]\nurl = ext::${program} %S\npromisor = true
[protocol]\nallow = always\n[protocol "ext"]\nallow = always`);
  const source = await fixture.sources.open({ repo, commit: "HEAD" }, never);
  expect(await codeOf(source.takeSnapshot(never))).toBe("GIT_FAILED");
  expect(existsSync(mark)).toBe(false);
});

test("a URL rewritten by the user's own settings to a forbidden protocol is refused", async () => {
  writeFileSync(
    join(fixture.root, "home/.gitconfig"),
    `[url "ext::${program} "]\ninsteadOf = https://evil/\n`,
  );
  expect(await codeOf(fixture.sources.open({ repo: "https://evil/x" }, never))).toBe("GIT_URL_REFUSED");
  expect(existsSync(mark)).toBe(false);
});

test("a submodule's settings are not looked at", async () => {
  await makeRepository(join(repo, "sub"), { s: "s" });
  git(repo, "add", "sub");
  git(repo, "commit", "-qm", "sub");
  appendFileSync(
    join(repo, "sub/.git/config"),
    `[core]\nfsmonitor = ${program}\n[filter "x"]\nclean = ${program}\n`,
  );
  await writeFiles(repo, {
    "sub/s": "changed",
    ".gitmodules": `[submodule "sub"]\npath = sub\nurl = ext::${program}\n`,
  });
  await useRepository();
  expect(existsSync(mark)).toBe(false);
});

test("core.worktree cannot make another directory the source", async () => {
  await writeFiles(join(fixture.root, "private"), { secret: "s" });
  git(repo, "config", "core.worktree", join(fixture.root, "private"));
  await expect(fixture.sources.open({ repo }, never)).rejects.toThrow("which is elsewhere");
});

test("a tree with .git or .. in it does not leave the snapshot", async () => {
  const blob = git(repo, "rev-parse", "HEAD:a");
  const make = (lines: string) =>
    Bun.spawnSync(["git", "mktree"], { cwd: repo, stdin: Buffer.from(lines) })
      .stdout.toString()
      .trim();
  const inner = make(`100644 blob ${blob}\tpost-checkout\n`);
  for (const name of [".git", ".."]) {
    const raw = Buffer.concat([Buffer.from(`40000 ${name}\0`), Buffer.from(inner, "hex")]);
    const tree = Bun.spawnSync(["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"], {
      cwd: repo,
      stdin: raw,
    })
      .stdout.toString()
      .trim();
    git(repo, "update-ref", "refs/heads/bad", git(repo, "commit-tree", "-m", "bad", tree));
    const source = await fixture.sources.open({ repo, branch: "bad" }, never);
    expect(await codeOf(source.takeSnapshot(never))).toBe("GIT_FAILED");
    expect(existsSync(join(fixture.state.snapshots, source.source.tree.slice(0, 24)))).toBe(false);
  }
});

test("branch names and messages are values, whatever they hold", async () => {
  await writeFiles(repo, { a: "2" });
  git(repo, "commit", "-qam", "$(touch pwned) `id` \u001b[31m");
  git(repo, "checkout", "-q", "-b", "$(touch${IFS}pwned);x");
  const { source } = await fixture.sources.open({ repo }, never);
  expect(source).toMatchObject({
    branch: "$(touch${IFS}pwned);x",
    commitMessage: "$(touch pwned) `id` \u001b[31m",
  });
});
