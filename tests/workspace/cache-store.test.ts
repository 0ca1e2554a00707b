import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { CacheScope } from "../../src/run/workspace.ts";
import { createLayerStore } from "../../src/workspace/layers.ts";
import { type Fixture, listTree, makeFixture, never, writeFiles } from "./fixture.ts";

const TRUSTED: CacheScope = { repoKey: "/repo", trust: "trusted" };
const FILES = { "node_modules/a/index.js": "a".repeat(100), "node_modules/b": "b" };

let fixture: Fixture;
let layers: ReturnType<typeof createLayerStore>;
let notes: string[];
beforeEach(async () => {
  fixture = await makeFixture();
  layers = createLayerStore(fixture.state);
  notes = [];
});
afterEach(() => fixture[Symbol.dispose]());

const find = (keys: string[], scope = TRUSTED, from = layers) =>
  from.caches.find(scope, keys, (line) => notes.push(line), never);

async function directoryOf(files: Record<string, string>): Promise<string> {
  const directory = join(fixture.root, "made", crypto.randomUUID());
  mkdirSync(directory, { recursive: true });
  await writeFiles(directory, files);
  return directory;
}

async function save(key: string, directory: string, scope = TRUSTED) {
  await using sink = await layers.caches.openSink();
  await sink.addDirectory(directory, { accept: () => true });
  const { layer, artifacts, leftOut } = await sink.commit();
  const stored = { layer: layer!, sizeBytes: artifacts.length, selection: "all" };
  const was = await layers.caches.keep(scope, key, stored);
  return { layer: layer!, was, leftOut };
}

/** As a disk does: another byte in the same place. */
function flipByte(path: string): void {
  const [first] = readFileSync(path);
  const file = openSync(path, "r+");
  writeSync(file, Buffer.from([first! ^ 1]), 0, 1, 0);
  closeSync(file);
}

describe("a cache", () => {
  test("is found under its key, and by nobody of another repository or trust", async () => {
    const saved = await save("npm", await directoryOf(FILES));
    const found = await find(["npm"]);
    expect(found).toMatchObject({ key: "npm", layer: saved.layer, sizeBytes: 2 });
    expect(listTree(found!.path)).toMatchObject(FILES);
    expect(await find(["npm"], { ...TRUSTED, trust: "pr-7" })).toBeUndefined();
    expect(await find(["npm"], { ...TRUSTED, repoKey: "/other" })).toBeUndefined();
    expect(notes).toEqual([]);
  });

  test("of a fork stays with its pull request", async () => {
    await save("npm", await directoryOf({ a: "trusted" }));
    await save("npm", await directoryOf({ a: "poisoned" }), { ...TRUSTED, trust: "pr-7" });
    expect(listTree((await find(["npm"]))!.path)).toEqual({ a: "trusted" });
    expect(listTree((await find(["npm"], { ...TRUSTED, trust: "pr-7" }))!.path)).toEqual({ a: "poisoned" });
    expect(await find(["npm"], { ...TRUSTED, trust: "pr-8" })).toBeUndefined();
  });

  test("is looked for under the fallback keys in their order", async () => {
    await save("second", await directoryOf({ a: "2" }));
    await save("third", await directoryOf({ a: "3" }));
    expect((await find(["first", "second", "third"]))!.key).toBe("second");
    expect(await find(["first"])).toBeUndefined();
  });

  test("takes the place of the one before, and is not written where it is the same", async () => {
    expect((await save("npm", await directoryOf({ a: "1" }))).was).toBe("kept");
    expect((await save("npm", await directoryOf({ a: "2" }))).was).toBe("kept");
    expect((await save("npm", await directoryOf({ a: "2" }))).was).toBe("same");
    expect(listTree((await find(["npm"]))!.path)).toEqual({ a: "2" });
  });

  test("of several large files is saved again and again", async () => {
    const large = { x: "x".repeat(400_000), y: "y".repeat(400_000), z: "z".repeat(400_000) };
    const directory = await directoryOf(large);
    for (const was of ["kept", "same", "same"] as const)
      expect((await save("large", directory)).was).toBe(was);
    expect(listTree((await find(["large"]))!.path)).toEqual(large);
  });

  test("keeps links wherever they lead, and follows none", async () => {
    const directory = await directoryOf({ a: "a" });
    symlinkSync("/etc", join(directory, "out"));
    symlinkSync("../../..", join(directory, "up"));
    expect((await save("venv", directory)).leftOut.count).toBe(0);
    expect(listTree((await find(["venv"]))!.path)).toEqual({ a: "a", out: "-> /etc", up: "-> ../../.." });
  });

  test("with a flipped byte is a miss, and the next save does not link the bad content again", async () => {
    const directory = await directoryOf(FILES);
    await using sink = await layers.openSink();
    await sink.addDirectory(directory, { accept: () => true });
    const { artifacts } = await sink.commit();
    const { path } = artifacts.find(({ path }) => path.endsWith("index.js"))!;
    await save("npm", directory);
    const found = await find(["npm"]);
    flipByte(join(found!.path, path));
    expect(await find(["npm"])).toBeUndefined();
    expect(notes).toEqual(['cache "npm" is damaged: it is not used']);
    expect(await find(["npm"])).toBeUndefined();

    await save("npm", directory);
    expect(listTree((await find(["npm"]))!.path)).toMatchObject(FILES);
    expect(notes).toHaveLength(1);
  });

  test("that was changed without a trace is found out a day later", async () => {
    const { layer } = await save("npm", await directoryOf(FILES));
    const path = join(fixture.state.layers, layer, "node_modules/b");
    const moment = new Date("2026-11-01T00:00:00Z");
    utimesSync(path, moment, moment);
    expect(await find(["npm"])).toBeDefined();
    flipByte(path);
    utimesSync(path, moment, moment);
    expect(await find(["npm"])).toBeDefined();
    const dayAgo = new Date(Date.now() - 25 * 60 * 60 * 1000);
    utimesSync(join(fixture.state.caches, `${layer}.checked`), dayAgo, dayAgo);
    expect(await find(["npm"])).toBeUndefined();
  });

  test("whose layer or own file is gone or broken is a miss", async () => {
    const { layer } = await save("npm", await directoryOf(FILES));
    for (const name of readdirSync(fixture.state.caches))
      writeFileSync(join(fixture.state.caches, name), "null");
    expect(await find(["npm"])).toBeUndefined();
    await save("npm", await directoryOf(FILES));
    expect(await find(["npm"])).toBeDefined();
    rmSync(join(fixture.state.layers, layer), { recursive: true });
    expect(await find(["npm"])).toBeUndefined();
    expect(notes).toEqual([]);
  });

  test("that two processes write at once is whole for every reader, 20 rounds long", async () => {
    const writer = join(import.meta.dir, "../support/cache-writer.ts");
    const children = ["one", "two"].map((name) =>
      Bun.spawn([process.execPath, writer, fixture.state.root, name, "20"], { stderr: "inherit" }),
    );
    const ended = Promise.all(children.map(({ exited }) => exited));
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    const seen = new Set<string>();
    while (!isOver) {
      const found = await find(["shared"]);
      if (found === undefined) continue;
      const texts = Object.entries(listTree(found.path)).filter(([, text]) => text !== "dir");
      expect(texts).toHaveLength(10);
      expect(new Set(texts.map(([, text]) => text)).size).toBe(1);
      seen.add(texts[0]![1]);
    }
    expect(await ended).toEqual([0, 0]);
    expect((await find(["shared"]))!.key).toBe("shared");
    expect(seen.size).toBeGreaterThan(2);
    expect(notes).toEqual([]);
  });
});

describe("the key of files", () => {
  const tree = "0123456789abcdef0123456789abcdef01234567";

  async function keyOf(files: Record<string, string>, patterns: string[]): Promise<string | null> {
    const snapshot = join(fixture.state.snapshots, tree.slice(0, 24));
    mkdirSync(snapshot, { recursive: true });
    await writeFiles(snapshot, files);
    return layers.caches.hashFiles(tree, patterns);
  }

  test("follows their content and paths, in whatever order they are named", async () => {
    const files = { lock: "1", "web/lock": "2" };
    const key = await keyOf(files, ["lock", "./web/lock"]);
    expect(key).toMatch(/^[0-9a-f]{40}$/);
    expect(await keyOf({ other: "changed" }, ["web/lock", "lock"])).toBe(key);
    expect(await keyOf({}, ["**/lock"])).toBe(key);
    expect(await keyOf({}, ["lock", "nothing"])).not.toBe(key);
    expect(await keyOf({ lock: "2" }, ["lock", "web/lock"])).not.toBe(key);
  });

  test("is none where there are no such files, and passes no link", async () => {
    expect(await keyOf({ a: "a" }, ["package-lock.json", "x/*", "../state", "a/b"])).toBeNull();
    symlinkSync("/etc", join(fixture.state.snapshots, tree.slice(0, 24), "out"));
    expect(existsSync("/etc/passwd")).toBe(true);
    expect(await keyOf({}, ["out/passwd", "out/**"])).toBeNull();
    const link = await keyOf({}, ["out"]);
    expect(link).toMatch(/^[0-9a-f]{40}$/);
  });
});
