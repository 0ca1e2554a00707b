import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";
import { createLayerStore } from "../../src/workspace/layers.ts";
import { createSourceOpener } from "../../src/workspace/source.ts";
import {
  openStateDirectory,
  type StateDirectory,
  snapshotPathOf,
} from "../../src/workspace/state-directory.ts";
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

async function snapshot(request: { commit?: string } = {}): Promise<string> {
  const source = await fixture.sources.open({ repo, ...request }, never);
  await source.takeSnapshot(never);
  return snapshotPathOf(fixture.state, source.source.tree);
}

test("anyone may write what lies in a snapshot, and only its owner gets there", async () => {
  await makeRepository(repo, { "d/run": "x", "d/plain": "p" });
  chmodSync(join(repo, "d/run"), 0o755);
  const umask = process.umask(0o077);
  const path = await snapshot();
  process.umask(umask);
  const mode = (name: string) => lstatSync(join(path, name)).mode & 0o7777;
  expect([mode("."), mode("d"), mode("d/run"), mode("d/plain")]).toEqual([0o777, 0o777, 0o777, 0o666]);
  for (const directory of Object.values(fixture.state))
    expect(lstatSync(directory).mode & 0o7777).toBe(0o700);
});

test("a tree is checked out once", async () => {
  await makeRepository(repo, { a: "1", "d/b": "2" });
  const path = await snapshot();
  const before = fingerprint(path);
  expect(await snapshot()).toBe(path);
  expect(fingerprint(path)).toEqual(before);
  expect(await createLayerStore(fixture.state).snapshotPath(git(repo, "rev-parse", "HEAD^{tree}"))).toBe(
    path,
  );
});

test("asking for a snapshot marks it as used", async () => {
  await makeRepository(repo, { a: "1" });
  const path = await snapshot();
  utimesSync(path, 1000, 1000);
  await createLayerStore(fixture.state).snapshotPath(git(repo, "rev-parse", "HEAD^{tree}"));
  expect(lstatSync(path).mtimeMs).toBeGreaterThan(Date.now() - 60_000);
});

test("a snapshot that was never taken, and names that are no tree, are refused", async () => {
  const layers = createLayerStore(fixture.state);
  for (const tree of ["0".repeat(40), "..", "", "../../etc"])
    expect(await codeOf(layers.snapshotPath(tree))).toBe("GIT_FAILED");
});

test("the next snapshot shares unchanged files, equals a whole checkout, and leaves the first as it was", async () => {
  await makeRepository(repo, {
    a: "1",
    "d/b": "2",
    "d/c": "3",
    "gone/x": "4",
    "f/file": "5",
    kind: "6",
    run: "7",
  });
  symlinkSync("a", join(repo, "link"));
  const first = await snapshot();
  const before = fingerprint(first);
  await writeFiles(repo, { a: "changed", "new/n": "n" });
  rmSync(join(repo, "gone"), { recursive: true });
  rmSync(join(repo, "f"), { recursive: true });
  unlinkSync(join(repo, "kind"));
  await writeFiles(repo, { f: "now a file", "kind/now": "a directory" });
  chmodSync(join(repo, "run"), 0o755);
  const second = await snapshot();
  expect(listTree(second)).toEqual({
    a: "changed",
    d: "dir",
    "d/b": "2",
    "d/c": "3",
    f: "now a file",
    kind: "dir",
    "kind/now": "a directory",
    link: "-> a",
    new: "dir",
    "new/n": "n",
    run: "x 7",
  });
  expect(lstatSync(join(second, "d/b")).ino).toBe(lstatSync(join(first, "d/b")).ino);
  expect(lstatSync(join(second, "a")).ino).not.toBe(lstatSync(join(first, "a")).ino);
  expect(lstatSync(join(second, "d")).mode & 0o7777).toBe(0o777);
  expect(fingerprint(first)).toEqual(before);
});

test("changed attributes reach the unchanged files too", async () => {
  await makeRepository(repo, { "a.bat": "1\n", b: "1\n" });
  expect(listTree(await snapshot())).toMatchObject({ "a.bat": "1\n" });
  await writeFiles(repo, { ".gitattributes": "*.bat text eol=crlf\n" });
  expect(listTree(await snapshot())).toMatchObject({ "a.bat": "1\r\n", b: "1\n" });
});

test("a base that is gone, or half gone, is done without", async () => {
  await makeRepository(repo, { a: "1", b: "2" });
  const first = await snapshot();
  unlinkSync(join(first, "b"));
  await writeFiles(repo, { a: "2" });
  expect(listTree(await snapshot())).toEqual({ a: "2", b: "2" });
  await writeFiles(repo, { a: "3" });
  for (const name of readdirSync(fixture.state.snapshots))
    rmSync(join(fixture.state.snapshots, name), { recursive: true });
  for (const name of readdirSync(fixture.state.objects))
    rmSync(join(fixture.state.objects, name), { recursive: true });
  expect(listTree(await snapshot())).toEqual({ a: "3", b: "2" });
});

test("two processes at once take the same snapshot", async () => {
  await makeRepository(
    repo,
    Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`d${at % 7}/f${at}`, `${at}`])),
  );
  const program = `
    import { createGit } from ${JSON.stringify(join(import.meta.dir, "../../src/workspace/git.ts"))};
    import { createSourceOpener } from ${JSON.stringify(join(import.meta.dir, "../../src/workspace/source.ts"))};
    import { openStateDirectory } from ${JSON.stringify(join(import.meta.dir, "../../src/workspace/state-directory.ts"))};
    const state = await openStateDirectory(${JSON.stringify(fixture.state.root)});
    const signal = new AbortController().signal;
    const source = await createSourceOpener(createGit({ PATH: process.env.PATH }), state, { hostName: "box" }).open({ repo: ${JSON.stringify(repo)} }, signal);
    await source.takeSnapshot(signal);
    console.log(source.source.tree);`;
  const script = join(fixture.root, "take.ts");
  await Bun.write(script, program);
  const children = Array.from({ length: 4 }, () => Bun.spawn([process.execPath, script], { stdout: "pipe" }));
  const trees = await Promise.all(children.map((child) => new Response(child.stdout).text()));
  expect(new Set(trees).size).toBe(1);
  expect(Object.keys(listTree(snapshotPathOf(fixture.state, trees[0]!.trim())))).toHaveLength(307);
  expect(readdirSync(fixture.state.temporary)).toEqual([]);
});

test("an aborted snapshot leaves nothing", async () => {
  await makeRepository(repo, { a: "1" });
  const source = await fixture.sources.open({ repo }, never);
  await expect(source.takeSnapshot(AbortSignal.abort(new Error("stop")))).rejects.toThrow("stop");
  expect(readdirSync(fixture.state.snapshots)).toEqual([]);
  expect(readdirSync(fixture.state.temporary)).toEqual([]);
});

test("a full disk is named, and leaves nothing half", async () => {
  await makeRepository(
    repo,
    Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`f${at}`, `${at}${"x".repeat(100_000)}`])),
  );
  const small = join(fixture.root, "small");
  mkdirSync(small);
  expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=2m", "none", small]).exitCode).toBe(0);
  try {
    const state: StateDirectory = await openStateDirectory(join(small, "state"));
    const source = await createSourceOpener(fixture.git, state, { hostName: "box" }).open({ repo }, never);
    expect(await codeOf(source.takeSnapshot(never))).toBe("DISK_FULL");
    expect(readdirSync(state.snapshots)).toEqual([]);
    expect(readdirSync(state.temporary)).toEqual([]);
    await using sink = await createLayerStore(state).openSink();
    expect(await codeOf(sink.addDirectory(repo, { accept: () => true }))).toBe("DISK_FULL");
    await sink[Symbol.asyncDispose]();
    expect(readdirSync(state.layers)).toEqual([]);
    expect(readdirSync(state.temporary)).toEqual([]);
  } finally {
    Bun.spawnSync(["umount", small]);
  }
});
