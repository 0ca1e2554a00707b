import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TreeTransfer } from "../../src/run/workspace.ts";
import { collectGarbage } from "../../src/workspace/collect-garbage.ts";
import { lockFile } from "../../src/workspace/file-lock.ts";
import { createLayerStore } from "../../src/workspace/layers.ts";
import { snapshotPathOf } from "../../src/workspace/state-directory.ts";
import { createTreeTransfer } from "../../src/workspace/tree-transfer.ts";
import { codeOf, type Fixture, listTree, makeFixture, makeRepository, never, writeFiles } from "./fixture.ts";

/** Git starts many processes; other tests may keep the machine busy meanwhile. */
setDefaultTimeout(30_000);

const DAY_MS = 24 * 60 * 60 * 1000;
const NOTHING = {
  snapshots: 0,
  layers: 0,
  layerNames: [],
  blobs: 0,
  clones: 0,
  objects: 0,
  caches: 0,
  received: 0,
  shared: 0,
  temporary: 0,
  bytes: 0,
};

let fixture: Fixture;
beforeEach(async () => {
  fixture = await makeFixture();
});
afterEach(() => fixture[Symbol.dispose]());

async function makeLayer(files: Record<string, string>) {
  const directory = join(fixture.root, "workspace", crypto.randomUUID());
  await writeFiles(directory, files);
  await using sink = await createLayerStore(fixture.state).openSink();
  await sink.addDirectory(directory, { accept: () => true });
  const { layer, artifacts } = await sink.commit();
  return { layer: layer!, blobs: artifacts.map(({ sha256 }) => sha256) };
}

async function makeSnapshot(name: string, text: string): Promise<string> {
  const repo = await makeRepository(join(fixture.root, name), { a: text });
  await writeFiles(repo, { untracked: text });
  const source = await fixture.sources.open({ repo }, never);
  await source.takeSnapshot(never);
  return source.source.tree;
}

function collect(
  kept: { trees?: string[]; layers?: string[]; blobs?: string[] },
  options: { now?: number; dryRun?: boolean } = {},
) {
  const references = { trees: new Set(kept.trees), layers: new Set(kept.layers), blobs: new Set(kept.blobs) };
  const now = options.now ?? Date.now() + 8 * DAY_MS;
  return collectGarbage(
    fixture,
    references,
    { olderThanMs: 7 * DAY_MS, now, dryRun: options.dryRun ?? false },
    never,
  );
}

test("what was used lately stays, referenced or not", async () => {
  await makeSnapshot("one", "1");
  await makeLayer({ a: "a" });
  expect(await collect({}, { now: Date.now() })).toEqual(NOTHING);
});

test("caches go two weeks after their last use, and keep their layers until then", async () => {
  const { layer } = await makeLayer({ a: "cached" });
  const { caches, layerPath } = createLayerStore(fixture.state);
  const scope = { repoKey: "/repo", trust: "trusted" } as const;
  await caches.keep(scope, "npm", { layer, sizeBytes: 6, selection: "" });
  expect(await collect({})).toEqual(NOTHING);
  expect(await collect({}, { now: Date.now() + 15 * DAY_MS, dryRun: true })).toMatchObject({
    caches: 1,
    layers: 1,
  });
  expect(await caches.find(scope, ["npm"], () => {}, never)).toMatchObject({ layer });
  expect(await collect({}, { now: Date.now() + 15 * DAY_MS })).toMatchObject({
    caches: 1,
    layers: 1,
    blobs: 1,
  });
  expect(await codeOf(layerPath(layer))).toBe("NOT_FOUND");
  expect(readdirSync(fixture.state.caches)).toEqual([]);
});

test("what is old and unreferenced goes, what is referenced stays, and the bytes are counted", async () => {
  const kept = await makeSnapshot("kept", "k");
  const gone = await makeSnapshot("gone", "gg");
  const keptLayer = await makeLayer({ a: "shared", b: "kept" });
  const goneLayer = await makeLayer({ a: "shared", c: "twelve bytes" });
  const references = { trees: [kept], layers: [keptLayer.layer], blobs: keptLayer.blobs };
  const planned = await collect(references, { dryRun: true });
  expect(existsSync(snapshotPathOf(fixture.state, gone))).toBe(true);
  const done = await collect(references);
  expect(done).toMatchObject({ snapshots: 1, layers: 1, blobs: 1, temporary: 0 });
  expect({
    snapshots: planned.snapshots,
    layers: planned.layers,
    blobs: planned.blobs,
    bytes: planned.bytes,
  }).toEqual({
    snapshots: done.snapshots,
    layers: done.layers,
    blobs: done.blobs,
    bytes: done.bytes,
  });
  expect(done.bytes).toBeGreaterThanOrEqual("gg".length * 2 + "twelve bytes".length);
  expect(readdirSync(fixture.state.snapshots)).toEqual([kept.slice(0, 24)]);
  expect(readdirSync(fixture.state.layers)).toEqual([keptLayer.layer]);
  const layers = createLayerStore(fixture.state);
  expect(await new Response(await layers.readArtifact(keptLayer.layer, keptLayer.blobs[0]!)).text()).toBe(
    "shared",
  );
  expect(goneLayer.blobs).toHaveLength(2);
});

test("a source opens and runs again after everything of it was collected", async () => {
  const repo = await makeRepository(join(fixture.root, "web"), { a: "1" });
  await writeFiles(repo, { a: "2", n: "n" });
  const open = async () => {
    const source = await fixture.sources.open({ repo }, never);
    await source.takeSnapshot(never);
    return source.source.tree;
  };
  const url = `file://${repo}`;
  const tree = await open();
  await fixture.sources.open({ repo: url }, never);
  expect(await collect({})).toMatchObject({ snapshots: 1, clones: 1 });
  expect(readdirSync(fixture.state.clones)).toEqual([]);
  expect(readdirSync(fixture.state.objects)).toEqual([]);
  expect(await open()).toBe(tree);
  expect((await fixture.sources.open({ repo: url }, never)).source.branch).toBe("main");
});

test("a recorded run's snapshot is restored from the commit, or the objects kept for uncommitted files, while they last", async () => {
  const repo = await makeRepository(join(fixture.root, "web"), { a: "1", "d/b": "b" });
  const clean = await fixture.sources.open({ repo }, never);
  await clean.takeSnapshot(never);
  await writeFiles(repo, { a: "2", n: "n" });
  const dirty = await fixture.sources.open({ repo }, never);
  await dirty.takeSnapshot(never);
  const remote = await fixture.sources.open({ repo: `file://${repo}` }, never);
  await collectGarbage(
    fixture,
    { trees: new Set(), layers: new Set(), blobs: new Set() },
    { olderThanMs: 0, now: Date.now() + 1000, dryRun: false },
    never,
  );
  const pathOf = ({ source }: typeof clean) => snapshotPathOf(fixture.state, source.tree);
  await fixture.sources.restoreSnapshot(clean.source, never);
  expect(listTree(pathOf(clean))).toEqual({ a: "1", d: "dir", "d/b": "b" });
  expect(await codeOf(fixture.sources.restoreSnapshot(dirty.source, never))).toBe("SNAPSHOT_GONE");
  expect(existsSync(pathOf(dirty))).toBe(false);
  rmSync(pathOf(clean), { recursive: true });
  await fixture.sources.restoreSnapshot(remote.source, never);
  expect(listTree(pathOf(clean))).toEqual({ a: "1", d: "dir", "d/b": "b" });
  await (await fixture.sources.open({ repo }, never)).takeSnapshot(never);
  rmSync(pathOf(dirty), { recursive: true });
  await fixture.sources.restoreSnapshot(dirty.source, never);
  expect(listTree(pathOf(dirty))).toEqual({ a: "2", d: "dir", "d/b": "b", n: "n" });
  rmSync(repo, { recursive: true });
  rmSync(pathOf(clean), { recursive: true });
  expect(await codeOf(fixture.sources.restoreSnapshot(clean.source, never))).toBe("SNAPSHOT_GONE");
});

test("leftovers of a crash go after an hour, whatever the age asked for", async () => {
  const leftover = join(fixture.state.temporary, "snapshot-crashed");
  mkdirSync(join(leftover, "tree"), { recursive: true });
  writeFileSync(join(leftover, "tree/a"), "half");
  const collectAged = (minutes: number) =>
    collectGarbage(
      fixture,
      { trees: new Set(), layers: new Set(), blobs: new Set() },
      { olderThanMs: 0, now: Date.now() + minutes * 60_000, dryRun: false },
      never,
    );
  expect(await collectAged(50)).toMatchObject({ temporary: 0 });
  expect(await collectAged(70)).toMatchObject({ temporary: 1, bytes: 4 });
  expect(readdirSync(fixture.state.temporary)).toEqual([]);
});

test("a layer that is being built keeps its blobs", async () => {
  await using sink = await createLayerStore(fixture.state).openSink();
  const workspace = join(fixture.root, "workspace");
  await writeFiles(workspace, { a: "a" });
  await sink.addDirectory(workspace, { accept: () => true });
  expect(await collect({}, { now: Date.now() })).toMatchObject({ blobs: 0, temporary: 0 });
  const { layer, artifacts } = await sink.commit();
  expect(layer).not.toBeNull();
  expect(
    await new Response(
      await createLayerStore(fixture.state).readArtifact(layer!, artifacts[0]!.sha256),
    ).text(),
  ).toBe("a");
});

test("a clone in use is left alone", async () => {
  const repo = await makeRepository(join(fixture.root, "web"), { a: "1" });
  await fixture.sources.open({ repo: `file://${repo}` }, never);
  const [clone] = readdirSync(fixture.state.clones);
  const lock = await lockFile(join(fixture.state.clones, `${clone}.lock`), never);
  expect(await collect({})).toMatchObject({ clones: 0 });
  await lock[Symbol.asyncDispose]();
  expect(await collect({})).toMatchObject({ clones: 1 });
});

test("a lock is held by one at a time, and taken over from the dead and the silent", async () => {
  const path = join(fixture.root, "lock");
  let holders = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 6 }, async () => {
      await using _lock = await lockFile(path, never);
      holders += 1;
      most = Math.max(most, holders);
      await Bun.sleep(2);
      holders -= 1;
    }),
  );
  expect(most).toBe(1);
  expect(existsSync(path)).toBe(false);
  writeFileSync(path, '{"host":"another host","pid":1,"id":"x"}\n');
  const blocked = lockFile(path, AbortSignal.timeout(120));
  await expect(blocked).rejects.toThrow();
  utimesSync(path, 1000, 1000);
  await (await lockFile(path, never))[Symbol.asyncDispose]();
  expect(readdirSync(fixture.root).filter((name) => name.startsWith("lock"))).toEqual([]);
});

/** Uploads the repository as it is, and returns the tree. */
async function upload(repo: string, transfer: TreeTransfer): Promise<string> {
  const source = await fixture.sources.open({ repo }, never);
  const ids = await transfer.findMissing(await transfer.listObjects(source, never), never);
  await transfer.receivePack(transfer.writePack(source, ids, never), { maxBytes: 1e6 }, never);
  return source.source.tree;
}

test("of what was received, the trees of kept runs and what is younger than a day stay", async () => {
  const transfer = createTreeTransfer(fixture.git, fixture.state);
  const repo = await makeRepository(join(fixture.root, "web"), { same: "same", a: "1" });
  const first = await upload(repo, transfer);
  await writeFiles(repo, { a: "2", "d/b": "second" });
  const second = await upload(repo, transfer);
  await writeFiles(repo, { a: "3" });
  const third = await upload(repo, transfer);
  const packs = join(fixture.state.received, "sha1", "pack");
  const countPacks = () => readdirSync(packs).filter((name) => name.endsWith(".pack")).length;
  const soon = { now: Date.now() + DAY_MS / 2 };
  const late = { now: Date.now() + 8 * DAY_MS };
  expect(await collect({}, soon)).toMatchObject({ received: 0 });
  expect(countPacks()).toBe(3);
  expect(await collect({ trees: [second] }, { ...late, dryRun: true })).toMatchObject({ received: 3 });
  expect(countPacks()).toBe(3);
  expect(await collect({ trees: [second] }, late)).toMatchObject({ received: 3 });
  expect(countPacks()).toBe(1);
  expect(await transfer.findMissing([first, second, third], never)).toEqual([first, third]);
  const described = { ...(await fixture.sources.open({ repo }, never)).source, tree: second };
  const opened = await transfer.openReceived(described, never);
  expect(await opened.readFile("d/b")).toBe("second");
  expect(await collect({ trees: [second] }, late)).toMatchObject({ received: 0 });

  await transfer.openReceived(described, never);
  const marked = { now: Date.now() + 7 * DAY_MS - 60_000 };
  for (const name of readdirSync(packs)) utimesSync(join(packs, name), 1000, 1000);
  expect(await collect({}, marked)).toMatchObject({ received: 0 });
  expect(await collect({}, late)).toMatchObject({ received: 1 });
  expect(readdirSync(packs)).toEqual([]);
});
