import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pack } from "tar-stream";
import type { ArtifactSink } from "../../src/run/workspace.ts";
import { DEFAULT_LAYER_LIMITS } from "../../src/workspace/layer-builder.ts";
import { createLayerStore } from "../../src/workspace/layers.ts";
import { codeOf, type Fixture, listTree, makeFixture, never, writeFiles } from "./fixture.ts";

let fixture: Fixture;
let layers: ReturnType<typeof createLayerStore>;
beforeEach(async () => {
  fixture = await makeFixture();
  layers = createLayerStore(fixture.state);
});
afterEach(() => fixture[Symbol.dispose]());

type Entry = {
  name: string;
  type?: string;
  text?: string;
  mode?: number;
  linkname?: string;
  mtime?: Date;
  pax?: object;
  devmajor?: number;
  devminor?: number;
};

async function tarOf(entries: Entry[]): Promise<Buffer> {
  const tar = pack();
  for (const { text, ...header } of entries) tar.entry(header as never, text ?? "");
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** In pieces of odd size, as a network gives them. */
async function* pieces(bytes: Buffer, size = 700): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const all = { toPath: (name: string) => name, accept: () => true };

async function addAll(sink: ArtifactSink, entries: Entry[]): Promise<number> {
  return sink.addTar(pieces(await tarOf(entries)), all);
}

/** What one tar becomes, committed. */
async function layerOf(entries: Entry[]) {
  await using sink = await layers.openSink();
  await addAll(sink, entries);
  const { layer, artifacts } = await sink.commit();
  return { layer, artifacts, path: layer === null ? "" : await layers.layerPath(layer) };
}

test("files, directories and links inside the workspace become a layer, with their hashes", async () => {
  const { path, artifacts } = await layerOf([
    { name: "dist/", type: "directory" },
    { name: "./dist/app.js", text: "app" },
    { name: "dist/run", text: "#!/bin/sh", mode: 0o4755 },
    { name: "dist/deep/er/x", text: "" },
    { name: "dist/link", type: "symlink", linkname: "../dist/app.js" },
    { name: "dist/same", type: "link", linkname: "dist/app.js" },
  ]);
  expect(listTree(path)).toEqual({
    dist: "dir",
    "dist/app.js": "app",
    "dist/deep": "dir",
    "dist/deep/er": "dir",
    "dist/deep/er/x": "",
    "dist/link": "-> ../dist/app.js",
    "dist/run": "x #!/bin/sh",
    "dist/same": "app",
  });
  const sha256 = createHash("sha256").update("app").digest("hex");
  expect(artifacts.map(({ path: name }) => name)).toEqual([
    "dist/app.js",
    "dist/deep/er/x",
    "dist/run",
    "dist/same",
  ]);
  expect(artifacts[0]).toEqual({ path: "dist/app.js", sizeBytes: 3, sha256 });
  expect(await new Response(await layers.readArtifact("", sha256)).text()).toBe("app");
  const mode = (name: string) => lstatSync(join(path, name)).mode & 0o7777;
  expect([mode("."), mode("dist/deep"), mode("dist/app.js"), mode("dist/run")]).toEqual([
    0o777, 0o777, 0o666, 0o777,
  ]);
});

test("long names, PAX and odd names survive", async () => {
  const long = `${"d".repeat(120)}/${"é".repeat(60)}/${"f".repeat(200)}`;
  const names = [long, "a b", "-x", "new\nline", "日本", "*", ".wh.x", "a\\b"];
  const { path } = await layerOf(names.map((name) => ({ name, text: name })));
  for (const name of names) expect(readFileSync(join(path, name), "utf8")).toBe(name);
});

test.each<[string, Entry[]]>([
  ["an absolute path", [{ name: "/etc/x", text: "x" }]],
  ["a path upwards", [{ name: "../x", text: "x" }]],
  ["a path upwards in the middle", [{ name: "a/../../x", text: "x" }]],
  ["an absolute PAX path", [{ name: "a", pax: { path: "/etc/x" }, text: "x" }]],
  ["a hard link out", [{ name: "a", type: "link", linkname: "../../etc/passwd" }]],
  ["a hard link to an absolute path", [{ name: "a", type: "link", linkname: "/etc/passwd" }]],
  ["a sparse file", [{ name: "s", pax: { "GNU.sparse.major": "1", "GNU.sparse.minor": "0" }, text: "x" }]],
  [
    "a file below a link",
    [
      { name: "d", type: "symlink", linkname: "e" },
      { name: "d/x", text: "x" },
    ],
  ],
  [
    "a directory below a link",
    [
      { name: "d", type: "symlink", linkname: "e" },
      { name: "d/x/", type: "directory" },
    ],
  ],
  [
    "a link below a link",
    [
      { name: "d", type: "symlink", linkname: "e" },
      { name: "d/x", type: "symlink", linkname: "y" },
    ],
  ],
  [
    "a directory in place of a link",
    [
      { name: "d", type: "symlink", linkname: "e" },
      { name: "d/", type: "directory" },
    ],
  ],
  [
    "a file below a file",
    [
      { name: "d", text: "x" },
      { name: "d/x", text: "x" },
    ],
  ],
  [
    "a file in place of a directory",
    [
      { name: "d/x", text: "x" },
      { name: "d", text: "x" },
    ],
  ],
])("%s is refused, and nothing stays", async (_, entries) => {
  await writeFiles(fixture.root, { outside: "untouched" });
  {
    await using sink = await layers.openSink();
    expect(await codeOf(addAll(sink, [{ name: "fine", text: "f" }, ...entries]))).toBe("ARCHIVE_REFUSED");
  }
  expect(readdirSync(fixture.state.layers)).toEqual([]);
  expect(readdirSync(fixture.state.temporary)).toEqual([]);
  expect(existsSync(join(fixture.root, "x"))).toBe(false);
});

test.each<[string, Entry[]]>([
  ["a link to an absolute path", [{ name: "a", type: "symlink", linkname: "/etc/passwd" }]],
  ["a link upwards", [{ name: "a", type: "symlink", linkname: "../x" }]],
  ["a link upwards from a directory", [{ name: "d/e/a", type: "symlink", linkname: "../../../x" }]],
  [
    "a link with .. after a name",
    [
      { name: "d/up", type: "symlink", linkname: ".." },
      { name: "x", type: "symlink", linkname: "d/up/.." },
    ],
  ],
  ["a link to nothing", [{ name: "a", type: "symlink", linkname: "" }]],
  [
    "a hard link to a link",
    [
      { name: "l", type: "symlink", linkname: "t" },
      { name: "a", type: "link", linkname: "l" },
    ],
  ],
  ["a hard link to what is not there", [{ name: "a", type: "link", linkname: "b" }]],
  ["a character device", [{ name: "null", type: "character-device", devmajor: 1, devminor: 3 }]],
  ["a block device", [{ name: "sda", type: "block-device", devmajor: 8, devminor: 0 }]],
  ["a pipe", [{ name: "pipe", type: "fifo" }]],
  ["a path that is too long", [{ name: `${"x".repeat(200)}/`.repeat(11), type: "directory" }]],
])("%s is left out and named, the rest is kept", async (_, entries) => {
  await using sink = await layers.openSink();
  await addAll(sink, [{ name: "fine", text: "f" }, ...entries, { name: "also", text: "a" }]);
  const { layer, artifacts, leftOut } = await sink.commit();
  expect(artifacts.map(({ path }) => path)).toEqual(["also", "fine"]);
  const unwanted = entries.at(-1)!.name.slice(0, 200);
  expect(leftOut.count).toBe(1);
  expect(leftOut.entries.map(({ path }) => path)).toEqual([unwanted]);
  expect(
    lstatSync(join(await layers.layerPath(layer!), unwanted), { throwIfNoEntry: false }),
  ).toBeUndefined();
});

test("only the first of what is left out is named, all of it is counted", async () => {
  await using sink = await layers.openSink();
  const links = Array.from({ length: 100 }, (_, at) => `l${at}`);
  await addAll(
    sink,
    links.map((name) => ({ name, type: "symlink" as const, linkname: "/etc" })),
  );
  const { layer, leftOut } = await sink.commit();
  expect(layer).toBeNull();
  expect(leftOut.count).toBe(100);
  expect(leftOut.entries).toHaveLength(20);
});

test("a name that is not UTF-8 is left out", async () => {
  const bytes = await tarOf([{ name: "bad?name", text: "x" }]);
  bytes[3] = 0xff;
  // The checksum of the changed header: the sum of its bytes, its own field taken as blanks.
  const header = Buffer.from(bytes.subarray(0, 512));
  header.fill(0x20, 148, 156);
  bytes.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
    "latin1",
  );
  await using sink = await layers.openSink();
  expect(await sink.addTar(pieces(bytes), all)).toBe(0);
  expect((await sink.commit()).leftOut).toMatchObject({
    count: 1,
    entries: [{ why: "its name is not UTF-8" }],
  });
});

test("a later entry of the same path replaces the earlier, never writing through it", async () => {
  const { path, artifacts } = await layerOf([
    { name: "a", type: "symlink", linkname: "b" },
    { name: "b", text: "b" },
    { name: "a", text: "a" },
    { name: "c", text: "1" },
    { name: "c", type: "symlink", linkname: "b" },
  ]);
  expect(listTree(path)).toEqual({ a: "a", b: "b", c: "-> b" });
  expect(artifacts.map((artifact) => artifact.path)).toEqual(["a", "b"]);
});

test("limits on size and number hold over all archives of a layer", async () => {
  layers = createLayerStore(fixture.state, { ...DEFAULT_LAYER_LIMITS, maxBytes: 1000, maxEntries: 5 });
  await using sink = await layers.openSink();
  await addAll(sink, [{ name: "a", text: "x".repeat(600) }]);
  expect(await codeOf(addAll(sink, [{ name: "b", text: "x".repeat(600) }]))).toBe("ARCHIVE_REFUSED");
  await using other = await layers.openSink();
  const six = Array.from({ length: 6 }, (_, at) => ({ name: `${at}`, text: "" }));
  expect(await codeOf(addAll(other, six))).toBe("ARCHIVE_REFUSED");
});

test("a cut-off or damaged archive is refused, a broken stream passes its own error on", async () => {
  const bytes = await tarOf([{ name: "a", text: "x".repeat(5000) }]);
  for (const broken of [bytes.subarray(0, 3000), bytes.subarray(0, 300), randomBytes(4096)]) {
    await using sink = await layers.openSink();
    expect(await codeOf(sink.addTar(pieces(broken), all))).toBe("ARCHIVE_REFUSED");
  }
  await using sink = await layers.openSink();
  async function* failing() {
    yield bytes.subarray(0, 2000);
    throw new Error("the engine went away");
  }
  await expect(sink.addTar(failing(), all)).rejects.toThrow("the engine went away");
});

test("a refusal ends the stream although it would go on for ever", async () => {
  const bytes = await tarOf([{ name: "../x", text: "x".repeat(1000) }]);
  let ended = false;
  async function* endless() {
    try {
      yield bytes.subarray(0, 1536);
      for (;;) yield Buffer.alloc(1024);
    } finally {
      ended = true;
    }
  }
  await using sink = await layers.openSink();
  expect(await codeOf(sink.addTar(endless(), all))).toBe("ARCHIVE_REFUSED");
  const deadline = Date.now() + 2000;
  while (!ended && Date.now() < deadline) await Bun.sleep(5);
  expect(ended).toBe(true);
});

test("what is not selected is passed over, whatever it is", async () => {
  await using sink = await layers.openSink();
  const tar = await tarOf([
    { name: "web/dist/a", text: "a" },
    { name: "web/null", type: "character-device", devmajor: 1, devminor: 3 },
    { name: "web/out", type: "symlink", linkname: "/etc" },
    { name: "web/src/b", text: "x".repeat(10_000) },
    { name: "web/dist/z", text: "z" },
  ]);
  const taken = await sink.addTar(pieces(tar), {
    toPath: (name) => name.replace(/^web\//, ""),
    accept: (path) => path.startsWith("dist/"),
  });
  expect(taken).toBe(2);
  expect((await sink.commit()).artifacts.map(({ path }) => path)).toEqual(["dist/a", "dist/z"]);
});

test("the same content is the same layer, stored once", async () => {
  const first = await layerOf([
    { name: "a", text: "same" },
    { name: "d/b", text: "same" },
    { name: "x", text: "same", mode: 0o755 },
  ]);
  const second = await layerOf([
    { name: "d/b", text: "same" },
    { name: "x", text: "same", mode: 0o755 },
    { name: "a", text: "same" },
  ]);
  expect(second).toEqual(first);
  const inode = (name: string) => lstatSync(join(first.path, name)).ino;
  expect(inode("a")).toBe(inode("d/b"));
  expect(inode("x")).not.toBe(inode("a"));
  expect((await layerOf([{ name: "a", text: "other" }])).layer).not.toBe(first.layer);
  expect((await layerOf([{ name: "b", text: "same" }])).layer).not.toBe(first.layer);
});

test("times are kept, at the end of a whole second, and the newest counts where content is shared", async () => {
  const at = (ms: number) => new Date(ms);
  const { path } = await layerOf([{ name: "a", text: "t", mtime: at(1_700_000_000_000) }]);
  expect(lstatSync(join(path, "a")).mtimeMs).toBeCloseTo(1_700_000_000_999, 0);
  await layerOf([{ name: "b", text: "t", mtime: at(1_800_000_000_000) }]);
  expect(lstatSync(join(path, "a")).mtimeMs).toBeGreaterThan(1_790_000_000_000);
  await layerOf([{ name: "c", text: "t", mtime: at(1_600_000_000_000) }]);
  expect(lstatSync(join(path, "a")).mtimeMs).toBeGreaterThan(1_790_000_000_000);
});

test("an empty sink has no layer, and a sink without commit leaves nothing", async () => {
  {
    await using sink = await layers.openSink();
    expect(await sink.commit()).toEqual({ layer: null, artifacts: [], leftOut: { entries: [], count: 0 } });
    await using other = await layers.openSink();
    await addAll(other, [{ name: "a", text: "a" }]);
  }
  expect(readdirSync(fixture.state.layers)).toEqual([]);
  expect(readdirSync(fixture.state.temporary)).toEqual([]);
});

test("a blob cut short by a crash is written again", async () => {
  const { artifacts } = await layerOf([{ name: "a", text: "whole" }]);
  const { sha256 } = artifacts[0]!;
  const blob = join(fixture.state.blobs, sha256.slice(0, 2), sha256.slice(2));
  writeFileSync(blob, "wh");
  const { path } = await layerOf([{ name: "b", text: "whole" }]);
  expect(readFileSync(join(path, "b"), "utf8")).toBe("whole");
  expect(readFileSync(blob, "utf8")).toBe("whole");
});

test("large files are hashed while they are written", async () => {
  const content = randomBytes(3_000_000);
  const workspace = join(fixture.root, "workspace");
  mkdirSync(workspace);
  writeFileSync(join(workspace, "big"), content);
  const tar = Bun.spawn(["tar", "-c", "-C", workspace, "big"], { stdout: "pipe" });
  await using sink = await layers.openSink();
  await sink.addTar(tar.stdout, all);
  const { artifacts } = await sink.commit();
  const sha256 = createHash("sha256").update(content).digest("hex");
  expect(artifacts).toEqual([{ path: "big", sizeBytes: 3_000_000, sha256 }]);
  expect(
    Buffer.from(await new Response(await layers.readArtifact("", sha256)).arrayBuffer()).equals(content),
  ).toBe(true);
});

test("a directory of this host is taken without following a link", async () => {
  const workspace = join(fixture.root, "workspace");
  await writeFiles(workspace, { "dist/a": "a", "dist/run": "r", "src/b": "b" });
  chmodSync(join(workspace, "dist/run"), 0o755);
  symlinkSync("a", join(workspace, "dist/link"));
  linkSync(join(workspace, "dist/a"), join(workspace, "dist/twin"));
  await using sink = await layers.openSink();
  expect(await sink.addDirectory(workspace, { accept: (path) => path.startsWith("dist/") })).toBe(4);
  const { layer } = await sink.commit();
  expect(listTree(await layers.layerPath(layer!))).toEqual({
    dist: "dir",
    "dist/a": "a",
    "dist/link": "-> a",
    "dist/run": "x r",
    "dist/twin": "a",
  });
});

test("what a host directory may not give is left out", async () => {
  await writeFiles(fixture.root, { secret: "s" });
  const make: Record<string, (path: string) => void> = {
    absolute: (path) => symlinkSync("/etc/passwd", path),
    upwards: (path) => symlinkSync("../../secret", path),
    pipe: (path) => Bun.spawnSync(["mkfifo", path]),
  };
  for (const [name, put] of Object.entries(make)) {
    const workspace = join(fixture.root, name);
    await writeFiles(workspace, { "d/a": "a" });
    put(join(workspace, "d/x"));
    await using sink = await layers.openSink();
    expect([name, await sink.addDirectory(workspace, { accept: () => true })]).toEqual([name, 1]);
    const { artifacts, leftOut } = await sink.commit();
    expect(artifacts.map(({ path }) => path)).toEqual(["d/a"]);
    expect(leftOut.entries.map(({ path }) => path)).toEqual(["d/x"]);
  }
  const linked = join(fixture.root, "linked");
  await writeFiles(linked, { a: "a" });
  symlinkSync(fixture.root, join(linked, "all"));
  await using sink = await layers.openSink();
  expect(await sink.addDirectory(linked, { accept: (path) => path !== "all" })).toBe(1);
});

test("a directory exchanged for a link between looking and opening does not lead out", async () => {
  const workspace = join(fixture.root, "workspace");
  await writeFiles(fixture.root, { "workspace/d/a": "mine", "private/a": "secret" });
  const exchange = (path: string) => {
    if (path === "d/a") {
      renameSync(join(workspace, "d"), join(workspace, "moved"));
      symlinkSync("../private", join(workspace, "d"));
    }
    return true;
  };
  await using sink = await layers.openSink();
  expect(await codeOf(sink.addDirectory(workspace, { accept: exchange }))).toBe("ARCHIVE_REFUSED");
});

test("a layer or content that is not stored, or no name at all, is not found", async () => {
  for (const name of ["0".repeat(24), "..", "", "../s"])
    expect(await codeOf(layers.layerPath(name))).toBe("NOT_FOUND");
  for (const name of ["0".repeat(64), "../../etc/passwd", ""])
    expect(await codeOf(layers.readArtifact("", name))).toBe("NOT_FOUND");
});

test("layers come as one archive, of which the last one counts", async () => {
  const { layer: first } = await layerOf([
    { name: "d/a", text: "a" },
    { name: "d/b", text: "b" },
  ]);
  const { layer: second } = await layerOf([
    { name: "d/b", text: "new" },
    { name: "c", text: "c" },
  ]);
  await using sink = await layers.openSink();
  const tar = await layers.readLayers([first!, second!], never);
  await sink.addTar(tar, { toPath: (name) => name, accept: () => true });
  const { layer } = await sink.commit();
  expect(listTree(await layers.layerPath(layer!))).toEqual({ c: "c", d: "dir", "d/a": "a", "d/b": "new" });
});

test("a layer is written out whole, and over other files only when forced", async () => {
  const { layer } = await layerOf([
    { name: "d/a", text: "a" },
    { name: "run", text: "r", mode: 0o755 },
    { name: "l", type: "symlink", linkname: "d/a" },
  ]);
  const target = join(fixture.root, "new/out");
  const umask = process.umask(0o027);
  await layers.writeOut(layer!, target, { force: false }, never);
  process.umask(umask);
  expect(listTree(target)).toEqual({ d: "dir", "d/a": "a", l: "-> d/a", run: "x r" });
  expect(lstatSync(join(target, "d/a")).mode & 0o777).toBe(0o640);
  expect(await codeOf(layers.writeOut(layer!, target, { force: false }, never))).toBe("USAGE");
  const other = join(fixture.root, "other");
  await writeFiles(other, { mine: "m", run: "old" });
  await writeFiles(fixture.root, { "elsewhere/keep": "k" });
  symlinkSync("../elsewhere", join(other, "d"));
  await layers.writeOut(layer!, other, { force: true }, never);
  expect(listTree(other)).toEqual({ d: "dir", "d/a": "a", l: "-> d/a", mine: "m", run: "x r" });
  expect(listTree(join(fixture.root, "elsewhere"))).toEqual({ keep: "k" });
  mkdirSync(join(fixture.root, "taken/run/x"), { recursive: true });
  expect(await codeOf(layers.writeOut(layer!, join(fixture.root, "taken"), { force: true }, never))).toBe(
    "USAGE",
  );
  expect(readdirSync(fixture.root).filter((name) => name.startsWith(".cicd"))).toEqual([]);
});
