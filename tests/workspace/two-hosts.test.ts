import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ArtifactReader, LayerStore, SourceOpener, StoredLayer } from "../../src/run/workspace.ts";
import { collectShared } from "../../src/workspace/collect-shared.ts";
import { FsObjectStore } from "../../src/workspace/fs-object-store.ts";
import { createLayerStore } from "../../src/workspace/layers.ts";
import type { ObjectStore } from "../../src/workspace/object-store.ts";
import { S3ObjectStore } from "../../src/workspace/s3-object-store.ts";
import { shareLayers } from "../../src/workspace/shared-layers.ts";
import { SharedStore } from "../../src/workspace/shared-store.ts";
import { SharedTrees } from "../../src/workspace/shared-trees.ts";
import { createSourceOpener } from "../../src/workspace/source.ts";
import { openStateDirectory, type StateDirectory } from "../../src/workspace/state-directory.ts";
import { createTreeTransfer } from "../../src/workspace/tree-transfer.ts";
import { type S3Server, startS3 } from "../support/s3.ts";
import { codeOf, type Fixture, listTree, makeFixture, makeRepository, never, writeFiles } from "./fixture.ts";

/** Git starts many processes; other tests may keep the machine busy meanwhile. */
setDefaultTimeout(30_000);

let s3: S3Server;
beforeAll(async () => {
  s3 = await startS3();
});
afterAll(() => s3[Symbol.asyncDispose]());

let fixture: Fixture;
beforeEach(async () => {
  fixture = await makeFixture();
});
afterEach(() => fixture[Symbol.dispose]());

/** One host of a team: a state directory of its own, and the shared store. Counts what it fetches. */
interface TeamHost {
  state: StateDirectory;
  sources: SourceOpener;
  layers: LayerStore & ArtifactReader;
  shared: SharedStore;
  fetched: string[];
}

async function openHost(name: string, objects: ObjectStore): Promise<TeamHost> {
  const fetched: string[] = [];
  const counting = Object.assign(Object.create(objects) as ObjectStore, {
    get(key: string) {
      fetched.push(key);
      return objects.get(key);
    },
  });
  const state = await openStateDirectory(join(fixture.root, name));
  const shared = new SharedStore(counting, { tries: 2, baseMs: 1 });
  const trees = new SharedTrees(fixture.git, state, shared);
  const sources = createSourceOpener(fixture.git, state, { hostName: name, shared: trees });
  const layers = shareLayers(createLayerStore(state), state, shared, trees);
  return { state, sources, layers, shared, fetched };
}

async function makeLayer(host: TeamHost, files: Record<string, string>): Promise<StoredLayer> {
  const directory = join(fixture.root, "workspace", crypto.randomUUID());
  await writeFiles(directory, files);
  mkdirSync(join(directory, "empty"));
  symlinkSync("a", join(directory, "link"));
  await using sink = await host.layers.openSink();
  await sink.addDirectory(directory, { accept: () => true });
  return await sink.commit();
}

const SCOPE = { repoKey: "https://git.example.org/web", trust: "trusted" } as const;

async function saveCache(host: TeamHost, text: string): Promise<string> {
  const directory = join(fixture.root, "workspace", crypto.randomUUID());
  await writeFiles(directory, { text });
  symlinkSync("/etc", join(directory, "out"));
  await using sink = await host.layers.caches.openSink();
  await sink.addDirectory(directory, { accept: () => true });
  const { layer } = await sink.commit();
  return await host.layers.caches.keep(SCOPE, "npm", {
    layer: layer!,
    sizeBytes: text.length,
    selection: "all",
  });
}

const kinds: [string, () => ObjectStore][] = [
  ["a directory", () => new FsObjectStore(join(fixture.root, "shared"))],
  ["an S3 bucket", () => new S3ObjectStore({ bucket: s3.bucket, prefix: crypto.randomUUID() }, s3.variables)],
];

for (const [kind, openObjects] of kinds)
  describe(kind, () => {
    test("carries a snapshot to another host, once for all jobs that want it", async () => {
      const objects = openObjects();
      const server = await openHost("server", objects);
      const worker = await openHost("worker", objects);
      const repo = await makeRepository(join(fixture.root, "web"), { a: "1", "d/b": "2", "x y/ü": "3" });
      await writeFiles(repo, { a: "dirty", n: "n" });
      symlinkSync("/etc/passwd", join(repo, "out"));
      const source = await server.sources.open({ repo }, never);
      await source.takeSnapshot(never);
      await source.takeSnapshot(never);
      expect((await Array.fromAsync(objects.list("trees/"))).map(({ key }) => key)).toEqual([
        `trees/${source.source.tree}.pack`,
      ]);
      rmSync(repo, { recursive: true });
      const { tree } = source.source;
      const paths = await Promise.all(Array.from({ length: 5 }, () => worker.layers.snapshotPath(tree)));
      expect(new Set(paths).size).toBe(1);
      expect(listTree(paths[0]!)).toEqual(listTree(await server.layers.snapshotPath(tree)));
      expect(worker.fetched).toHaveLength(1);
      expect(server.fetched).toEqual([]);
      rmSync(paths[0]!, { recursive: true });
      await worker.sources.restoreSnapshot(source.source, never);
      expect(existsSync(paths[0]!)).toBe(true);
      expect(readdirSync(worker.state.temporary)).toEqual([]);
      expect(await codeOf(worker.layers.snapshotPath("0".repeat(40)))).toBe("GIT_FAILED");
    });

    test("carries artifacts to another host before their attempt is finished", async () => {
      const objects = openObjects();
      const worker = await openHost("worker", objects);
      const other = await openHost("other", objects);
      const large = "0123456789abcdef".repeat(64 * 1024);
      const { layer, artifacts } = await makeLayer(worker, { a: "text", "d/large": large, ü: "umlaut" });
      const paths = await Promise.all(Array.from({ length: 5 }, () => other.layers.layerPath(layer!)));
      expect(listTree(paths[0]!)).toEqual(listTree(await worker.layers.layerPath(layer!)));
      expect(listTree(paths[0]!)).toMatchObject({ empty: "dir", link: "-> a", "d/large": large });
      expect(other.fetched).toEqual([`layers/${layer}.tar.zst`]);

      const third = await openHost("third", objects);
      const { sha256 } = artifacts.find(({ path }) => path === "a")!;
      expect(await new Response(await third.layers.readArtifact(layer!, sha256)).text()).toBe("text");
      const fourth = await openHost("fourth", objects);
      await fourth.layers.writeOut(layer!, join(fixture.root, "out"), { force: false }, never);
      expect(listTree(join(fixture.root, "out"))).toMatchObject({ a: "text", link: "-> a" });
      expect(await codeOf(other.layers.layerPath("0".repeat(24)))).toBe("NOT_FOUND");
      expect(await codeOf(other.layers.layerPath("../../etc"))).toBe("NOT_FOUND");
      for (const host of [worker, other, third, fourth])
        expect(readdirSync(host.state.temporary)).toEqual([]);
    });

    test("carries caches to another host, and the last one saved counts on all", async () => {
      const objects = openObjects();
      const worker = await openHost("worker", objects);
      const other = await openHost("other", objects);
      const notes: string[] = [];
      const find = (host: TeamHost) =>
        host.layers.caches.find(SCOPE, ["nothing", "npm"], (line) => notes.push(line), never);
      expect(await find(other)).toBeUndefined();
      expect(await saveCache(worker, "one")).toBe("kept");
      expect(listTree((await find(other))!.path)).toEqual({ text: "one", out: "-> /etc" });
      expect(await saveCache(other, "two")).toBe("kept");
      expect(await saveCache(worker, "two")).toBe("same");
      expect(listTree((await find(worker))!.path)).toEqual({ text: "two", out: "-> /etc" });
      writeFileSync(join((await find(worker))!.path, "text"), "bad");
      expect(listTree((await find(worker))!.path)).toEqual({ text: "two", out: "-> /etc" });
      expect(notes).toEqual(['cache "npm" is damaged: it is not used']);
      expect(await worker.layers.caches.find({ ...SCOPE, trust: "pr-7" }, ["npm"], () => {}, never)).toBe(
        undefined,
      );
      for (const host of [worker, other])
        expect(readdirSync(host.state.temporary).filter((name) => !name.startsWith("damaged-"))).toEqual([]);
    });
  });

test("caches of this host serve while the shared store is away, and what is saved then is not kept", async () => {
  const root = join(fixture.root, "shared");
  const worker = await openHost("worker", new FsObjectStore(root));
  await saveCache(worker, "one");
  rmSync(root, { recursive: true });
  writeFileSync(root, "a file is no directory");
  const notes: string[] = [];
  const found = await worker.layers.caches.find(SCOPE, ["npm"], (line) => notes.push(line), never);
  expect(listTree(found!.path)).toMatchObject({ text: "one" });
  expect(notes.join()).toMatch(/^cache "npm" cannot be fetched: The shared store .* failed/);
  expect(await codeOf(saveCache(worker, "two"))).toBe("SHARED_STORE_FAILED");
});

test("caches leave the shared store, with their layers, when nobody has saved them for two weeks", async () => {
  const objects = new FsObjectStore(join(fixture.root, "shared"));
  const worker = await openHost("worker", objects);
  await saveCache(worker, "one");
  const none = { trees: new Set<string>(), layers: new Set<string>(), blobs: new Set<string>() };
  const collect = (days: number) =>
    collectShared(
      worker.shared,
      none,
      { olderThanMs: 0, now: Date.now() + days * 24 * 60 * 60 * 1000, dryRun: false },
      never,
    );
  expect((await collect(13)).count).toBe(0);
  expect((await collect(15)).count).toBe(2);
  expect(await Array.fromAsync(objects.list("layers/"))).toEqual([]);
});

test("what was exchanged in the shared store is refused", async () => {
  const objects = new FsObjectStore(join(fixture.root, "shared"));
  const worker = await openHost("worker", objects);
  const other = await openHost("other", objects);
  const one = (await makeLayer(worker, { a: "one" })).layer!;
  const two = (await makeLayer(worker, { a: "two" })).layer!;
  const three = (await makeLayer(worker, { a: "three" })).layer!;
  const fileOf = (key: string) => join(fixture.root, "shared", key);
  await objects.put(`layers/${one}.tar.zst`, fileOf(`layers/${two}.tar.zst`));
  expect(await codeOf(other.layers.layerPath(one))).toBe("SHARED_STORE_FAILED");
  await Bun.write(fileOf(`layers/${one}.tar.zst`), "no archive at all");
  expect(await codeOf(other.layers.layerPath(one))).toBe("SHARED_STORE_FAILED");
  const whole = await Bun.file(fileOf(`layers/${three}.tar.zst`)).bytes();
  await Bun.write(fileOf(`layers/${three}.tar.zst`), whole.subarray(0, -9));
  expect(await codeOf(other.layers.layerPath(three))).toBe("SHARED_STORE_FAILED");

  const repo = await makeRepository(join(fixture.root, "web"), { a: "1" });
  const first = await worker.sources.open({ repo }, never);
  await first.takeSnapshot(never);
  await writeFiles(repo, { a: "2" });
  const second = await worker.sources.open({ repo }, never);
  await second.takeSnapshot(never);
  const keyOf = (source: typeof first) => `trees/${source.source.tree}.pack`;
  await objects.put(keyOf(second), fileOf(keyOf(first)));
  expect(await codeOf(other.layers.snapshotPath(second.source.tree))).toBe("SHARED_STORE_FAILED");
  expect(readdirSync(other.state.temporary)).toEqual([]);
});

test("an attempt whose artifacts cannot reach the others does not end well", async () => {
  const directory = join(fixture.root, "shared");
  const worker = await openHost("worker", new FsObjectStore(directory));
  await Bun.write(directory, "a file where the directory was");
  expect(await codeOf(makeLayer(worker, { a: "one" }))).toBe("SHARED_STORE_FAILED");
});

test("a tree that was received is published for the workers", async () => {
  const objects = new FsObjectStore(join(fixture.root, "shared"));
  const server = await openHost("server", objects);
  const worker = await openHost("worker", objects);
  const repo = await makeRepository(join(fixture.root, "web"), { a: "1" });
  const source = await fixture.sources.open({ repo }, never);
  const client = createTreeTransfer(fixture.git, fixture.state);
  const shared = new SharedTrees(fixture.git, server.state, server.shared);
  const transfer = createTreeTransfer(fixture.git, server.state, { shared });
  const pack = client.writePack(source, await client.listObjects(source, never), never);
  await transfer.receivePack(pack, { maxBytes: 1e6 }, never);
  await (await transfer.openReceived(source.source, never)).takeSnapshot(never);
  expect(listTree(await worker.layers.snapshotPath(source.source.tree))).toEqual({ a: "1" });
});

test("what is old is sent again when it is wanted, so that nobody collects it meanwhile", async () => {
  const directory = join(fixture.root, "shared");
  const objects = new FsObjectStore(directory);
  const server = await openHost("server", objects);
  const repo = await makeRepository(join(fixture.root, "web"), { a: "1" });
  const source = await server.sources.open({ repo }, never);
  await source.takeSnapshot(never);
  const key = `trees/${source.source.tree}.pack`;
  const yesterday = Date.now() / 1000 - 86_400;
  utimesSync(join(directory, key), yesterday, yesterday);
  await source.takeSnapshot(never);
  expect((await objects.stat(key))!.modifiedAt).toBeGreaterThan(Date.now() - 60_000);
});

test("what no kept run names leaves the shared store after a day, and nothing younger", async () => {
  const directory = join(fixture.root, "shared");
  const objects = new FsObjectStore(directory);
  const host = await openHost("server", objects);
  const kept = (await makeLayer(host, { a: "kept" })).layer!;
  const gone = (await makeLayer(host, { a: "gone" })).layer!;
  const repo = await makeRepository(join(fixture.root, "web"), { a: "1" });
  const treeOf = async (text: string) => {
    await writeFiles(repo, { a: text });
    const source = await host.sources.open({ repo }, never);
    await source.takeSnapshot(never);
    return source.source.tree;
  };
  const [keptTree, goneTree] = [await treeOf("kept"), await treeOf("gone")];
  const references = { trees: new Set([keptTree]), layers: new Set([kept]), blobs: new Set<string>() };
  const collect = (hours: number, dryRun = false) =>
    collectShared(
      host.shared,
      references,
      { olderThanMs: 0, now: Date.now() + hours * 3_600_000, dryRun },
      never,
    );
  expect(await collect(23)).toEqual({ count: 0, bytes: 0 });
  const planned = await collect(25, true);
  expect(planned.count).toBe(2);
  expect(await objects.stat(`layers/${gone}.tar.zst`)).toBeDefined();
  expect(await collect(25)).toEqual(planned);
  expect(await objects.stat(`layers/${gone}.tar.zst`)).toBeUndefined();
  expect(await objects.stat(`trees/${goneTree}.pack`)).toBeUndefined();
  expect(await objects.stat(`layers/${kept}.tar.zst`)).toBeDefined();
  expect(await objects.stat(`trees/${keptTree}.pack`)).toBeDefined();
});
