import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import type { RunSource } from "../../src/run/records.ts";
import type { Source, TreeTransfer } from "../../src/run/workspace.ts";
import { DEFAULT_TRANSFER_LIMITS } from "../../src/workspace/received-objects.ts";
import {
  openStateDirectory,
  type StateDirectory,
  snapshotPathOf,
} from "../../src/workspace/state-directory.ts";
import { createTreeTransfer } from "../../src/workspace/tree-transfer.ts";
import { eventually } from "../support/eventually.ts";
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

/** Git starts many processes; other tests may keep the machine busy meanwhile. */
setDefaultTimeout(30_000);

const MIB = 1024 * 1024;

let fixture: Fixture;
let client: TreeTransfer;
let serverState: StateDirectory;
let server: TreeTransfer;
beforeEach(async () => {
  fixture = await makeFixture();
  client = createTreeTransfer(fixture.git, fixture.state);
  serverState = await openStateDirectory(join(fixture.root, "server"));
  server = createTreeTransfer(fixture.git, serverState);
});
afterEach(() => fixture[Symbol.dispose]());

/** What a client sends of its source; returns how many objects that were. */
async function send(source: Source): Promise<number> {
  const missing = await server.findMissing(await client.listObjects(source, never), never);
  await server.receivePack(client.writePack(source, missing, never), { maxBytes: 100 * MIB }, never);
  return missing.length;
}

function receive(bytes: Uint8Array<ArrayBuffer>, to = server): Promise<string> {
  return codeOf(to.receivePack(new Blob([bytes]).stream(), { maxBytes: 100 * MIB }, never));
}

function described(tree: string): RunSource {
  return {
    repo: { key: "https://host.example/team/web", name: "web" },
    branch: "main",
    tag: null,
    commit: null,
    commitMessage: null,
    tree,
    dirty: { modified: 1, untracked: 1 },
  };
}

/** A pack of objects that git itself would not make. */
function pack(repo: string, ...ids: string[]): Uint8Array<ArrayBuffer> {
  const made = Bun.spawnSync(["git", "pack-objects", "--stdout", "-q"], {
    cwd: repo,
    stdin: Buffer.from(`${ids.join("\n")}\n`),
  });
  if (made.exitCode !== 0) throw new Error(made.stderr.toString());
  return new Uint8Array(made.stdout);
}

function hashObject(repo: string, type: string, content: Uint8Array): string {
  const made = Bun.spawnSync(["git", "hash-object", "-t", type, "-w", "--literally", "--stdin"], {
    cwd: repo,
    stdin: content,
  });
  if (made.exitCode !== 0) throw new Error(made.stderr.toString());
  return made.stdout.toString().trim();
}

function treeOf(repo: string, ...entries: [mode: string, name: string, id: string][]): string {
  const parts = entries.flatMap(([mode, name, id]) => [
    Buffer.from(`${mode} ${name}\0`),
    Buffer.from(id, "hex"),
  ]);
  return hashObject(repo, "tree", Buffer.concat(parts));
}

type RawObject =
  | { type: "blob" | "tree"; content: Buffer }
  | { type: "delta"; base: string; content: Buffer };

function idOf({ type, content }: RawObject): string {
  return createHash("sha1").update(`${type} ${content.length}\0`).update(content).digest("hex");
}

/** A pack written by hand (gitformat-pack(5)). */
function rawPack(objects: RawObject[]): Uint8Array<ArrayBuffer> {
  const header = Buffer.from("PACK\0\0\0\x02\0\0\0\0", "latin1");
  header.writeUInt32BE(objects.length, 8);
  const parts = objects.flatMap((object) => {
    const type = { blob: 3, tree: 2, delta: 7 }[object.type];
    const size = object.content.length;
    const first = (type << 4) | (size & 15);
    const head =
      size > 15 ? Buffer.concat([Buffer.from([first | 0x80]), varint(size >> 4)]) : Buffer.from([first]);
    const base = object.type === "delta" ? [Buffer.from(object.base, "hex")] : [];
    return [head, ...base, deflateSync(object.content)];
  });
  const body = Buffer.concat([header, ...parts]);
  return new Uint8Array(Buffer.concat([body, createHash("sha1").update(body).digest()]));
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

async function emptyRepository(): Promise<{ repo: string; blob: string }> {
  const repo = await makeRepository(join(fixture.root, "hostile"), {});
  return { repo, blob: hashObject(repo, "blob", Buffer.from("harmless\n")) };
}

for (const objectFormat of ["sha1", "sha256"])
  test(`a working tree arrives as it is, and what the server has is not sent again (${objectFormat})`, async () => {
    const repo = join(fixture.root, "web");
    await writeFiles(repo, {
      "a b": "1",
      "src/deep/x.ts": "x",
      "bin/tool": "#!",
      same: "1",
      ".cicd-pipelines/ci.yml": "name: ci",
    });
    git(repo, "init", "-q", `--object-format=${objectFormat}`, "-b", "main");
    git(repo, "add", "-A");
    git(repo, "update-index", "--chmod=+x", "bin/tool");
    git(repo, "commit", "-q", "-m", "First");
    await writeFiles(repo, { "src/deep/x.ts": "changed", "new/n": "new" });
    symlinkSync("/etc/passwd", join(repo, "link"));
    const source = await fixture.sources.open({ repo }, never);
    expect(await send(source)).toBe((await client.listObjects(source, never)).length);
    expect(await send(source)).toBe(0);

    const received = await server.openReceived({ ...source.source, ...described(source.source.tree) }, never);
    expect(received.source.repo.name).toBe("web");
    expect(await received.readFile(".cicd-pipelines/ci.yml")).toBe("name: ci");
    expect(await received.listFiles(".cicd-pipelines")).toEqual([".cicd-pipelines/ci.yml"]);
    await Promise.all([received.takeSnapshot(never), source.takeSnapshot(never)]);
    const arrived = listTree(snapshotPathOf(serverState, source.source.tree));
    expect(arrived).toEqual(listTree(snapshotPathOf(fixture.state, source.source.tree)));
    expect(arrived).toMatchObject({ "src/deep/x.ts": "changed", "new/n": "new", link: "-> /etc/passwd" });

    await writeFiles(repo, { "new/n": "newer" });
    const next = await fixture.sources.open({ repo }, never);
    expect(await send(next)).toBe(3);
    await (await server.openReceived(described(next.source.tree), never)).takeSnapshot(never);
    expect(listTree(snapshotPathOf(serverState, next.source.tree))).toMatchObject({ "new/n": "newer" });
    expect(readdirSync(serverState.temporary)).toEqual([]);
  });

test("a tree of which something is missing is neither taken nor opened", async () => {
  const repo = await makeRepository(join(fixture.root, "web"), { a: "1", "d/b": "2" });
  const source = await fixture.sources.open({ repo }, never);
  const [root, ...others] = await client.listObjects(source, never);
  const part = client.writePack(source, [root!], never);
  expect(await codeOf(server.receivePack(part, { maxBytes: MIB }, never))).toBe("TREE_INCOMPLETE");
  await server.receivePack(client.writePack(source, others, never), { maxBytes: MIB }, never);
  expect(await server.findMissing([root!, ...others], never)).toEqual([root!]);
  expect(await codeOf(server.openReceived(described(root!), never))).toBe("TREE_INCOMPLETE");
  await server.receivePack(client.writePack(source, [root!], never), { maxBytes: MIB }, never);
  await server.openReceived(described(root!), never);
  expect(await codeOf(server.openReceived(described("HEAD"), never))).toBe("ARCHIVE_REFUSED");
  expect(await codeOf(server.findMissing(["--help"], never))).toBe("ARCHIVE_REFUSED");
});

test("trees with names that lead elsewhere are refused, in every spelling", async () => {
  const { repo, blob } = await emptyRepository();
  const names = [
    ".",
    "..",
    ".git",
    ".GIT",
    ".Git ",
    "git~1",
    ".g\u200cit",
    ".git::$INDEX_ALLOCATION",
    "a\\..\\.git",
    "a/b",
    "",
  ];
  for (const name of names) {
    const tree = treeOf(repo, ["100644", name, blob]);
    expect(`${name}: ${await receive(pack(repo, blob, tree))}`).toBe(`${name}: ARCHIVE_REFUSED`);
  }
  const twice = treeOf(repo, ["100644", "a", blob], ["100644", "a", blob]);
  expect(await receive(pack(repo, blob, twice))).toBe("ARCHIVE_REFUSED");
  const old = treeOf(repo, ["0100644", "fine", blob]);
  expect(await receive(pack(repo, blob, old))).toBe("nothing was thrown");
  expect(readdirSync(serverState.temporary)).toEqual([]);
});

test("what is no pack, damaged, cut off or too large leaves nothing behind", async () => {
  const { repo, blob } = await emptyRepository();
  const good = pack(repo, blob);
  const flipped = Uint8Array.from(good);
  flipped[14] = flipped[14]! ^ 0xff;
  expect(await receive(new Uint8Array([]))).toBe("ARCHIVE_REFUSED");
  expect(await receive(Uint8Array.from(Buffer.from("{}".repeat(100))))).toBe("ARCHIVE_REFUSED");
  expect(await receive(flipped)).toBe("ARCHIVE_REFUSED");
  expect(await receive(good.slice(0, -3))).toBe("ARCHIVE_REFUSED");
  const small = { maxBytes: good.length - 1 };
  expect(await codeOf(server.receivePack(new Blob([good]).stream(), small, never))).toBe("ARCHIVE_REFUSED");
  const many = Uint8Array.from(good);
  new DataView(many.buffer).setUint32(8, 0xffffffff);
  expect(await receive(many)).toBe("ARCHIVE_REFUSED");
  expect(await server.findMissing([blob], never)).toEqual([blob]);
  expect(readdirSync(serverState.temporary)).toEqual([]);
});

test("a small pack of huge files, and a small tree of countless ones, fill neither memory nor disk", async () => {
  const { repo, blob } = await emptyRepository();
  const limits = { ...DEFAULT_TRANSFER_LIMITS, maxUnpackedBytes: 4 * MIB, maxObjects: 5000 };
  const narrow = createTreeTransfer(fixture.git, serverState, { limits });
  const packed = rawPack([{ type: "blob", content: Buffer.alloc(5 * MIB) }]);
  expect(packed.length).toBeLessThan(MIB / 10);
  expect(await receive(packed, narrow)).toBe("ARCHIVE_REFUSED");

  const ids = [blob];
  let tree = treeOf(repo, ["100644", "f", blob]);
  for (let depth = 0; depth < 12; depth += 1) {
    ids.push(tree);
    tree = treeOf(
      repo,
      ...Array.from({ length: 10 }, (_, at) => ["40000", `d${at}`, tree] as [string, string, string]),
    );
  }
  expect(await receive(pack(repo, ...ids, tree), narrow)).toBe("nothing was thrown");
  expect(await codeOf(narrow.openReceived(described(tree), never))).toBe("ARCHIVE_REFUSED");

  const chain: RawObject[] = [{ type: "blob", content: Buffer.from("harmless\n") }];
  for (let depth = 0; depth < 1100; depth += 1) {
    const mode = depth === 0 ? "100644" : "40000";
    const id = Buffer.from(idOf(chain.at(-1)!), "hex");
    chain.push({ type: "tree", content: Buffer.concat([Buffer.from(`${mode} dir\0`), id]) });
  }
  expect(await receive(rawPack(chain), narrow)).toBe("nothing was thrown");
  expect(await codeOf(narrow.openReceived(described(idOf(chain.at(-1)!)), never))).toBe("ARCHIVE_REFUSED");
});

test("a pack that unpacks to two hundred times its size is refused, unless that is little", async () => {
  const packed = (mib: number) => rawPack([{ type: "blob", content: Buffer.alloc(mib * MIB) }]);
  expect(packed(100).length).toBeLessThan(MIB / 5);
  expect(await receive(packed(100))).toBe("ARCHIVE_REFUSED");
  expect(readdirSync(serverState.temporary)).toEqual([]);
  expect(await receive(packed(60))).toBe("nothing was thrown");
});

test("a difference that would unpack to more than memory may hold is refused", async () => {
  const base: RawObject = { type: "blob", content: Buffer.alloc(0xffffff) };
  const copies = 200;
  const copyAll = Buffer.from([0xf0, 0xff, 0xff, 0xff]);
  const content = Buffer.concat([
    varint(base.content.length),
    varint(copies * base.content.length),
    ...Array.from({ length: copies }, () => copyAll),
  ]);
  const bomb = rawPack([base, { type: "delta", base: idOf(base), content }]);
  expect(bomb.length).toBeLessThan(MIB);
  const before = Date.now();
  expect(await receive(bomb)).toBe("ARCHIVE_REFUSED");
  expect(Date.now() - before).toBeLessThan(10_000);
  expect(readdirSync(serverState.temporary)).toEqual([]);
});

test("the same files may come twice at once, and an upload that breaks off leaves nothing", async () => {
  const repo = await makeRepository(join(fixture.root, "web"), { a: "1", "d/b": "2" });
  const source = await fixture.sources.open({ repo }, never);
  const ids = await client.listObjects(source, never);
  const upload = () => server.receivePack(client.writePack(source, ids, never), { maxBytes: MIB }, never);
  await Promise.all([upload(), upload(), upload()]);
  await server.openReceived(described(ids[0]!), never);
  expect(readdirSync(join(serverState.received, "sha1/pack"))).toHaveLength(2);

  const broken = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new TextEncoder().encode("PACK\0\0\0\x02"));
      controller.error(new Error("the client left"));
    },
  });
  await expect(server.receivePack(broken, { maxBytes: MIB }, never)).rejects.toThrow("the client left");
  const aborted = new AbortController();
  const endless = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("PACK\0\0\0\x02\0\0\0\x01")),
    pull() {
      aborted.abort(new Error("enough"));
      return new Promise(() => {});
    },
  });
  await expect(server.receivePack(endless, { maxBytes: MIB }, aborted.signal)).rejects.toThrow("enough");
  expect(readdirSync(serverState.temporary)).toEqual([]);
});

test("a process that is killed in the middle of an upload leaves a temporary directory only", async () => {
  const script = `
    import { createGit } from ${JSON.stringify(join(import.meta.dir, "../../src/workspace/git.ts"))};
    import { openStateDirectory } from ${JSON.stringify(join(import.meta.dir, "../../src/workspace/state-directory.ts"))};
    import { createTreeTransfer } from ${JSON.stringify(join(import.meta.dir, "../../src/workspace/tree-transfer.ts"))};
    const state = await openStateDirectory(${JSON.stringify(serverState.root)});
    const transfer = createTreeTransfer(createGit({ PATH: process.env.PATH }), state);
    const { signal } = new AbortController();
    await transfer.receivePack(Bun.stdin.stream(), { maxBytes: 1e6 }, signal);
  `;
  const { repo, blob } = await emptyRepository();
  const child = Bun.spawn([process.execPath, "-e", script], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "inherit",
  });
  child.stdin.write(pack(repo, blob).subarray(0, 20));
  await child.stdin.flush();
  const spooled = new Bun.Glob("pack-*/objects/pack/pack-new.pack");
  await eventually(() => [...spooled.scanSync(serverState.temporary)].length === 1, { withinMs: 20_000 });
  child.kill("SIGKILL");
  await child.exited;
  expect(readdirSync(serverState.temporary)).toHaveLength(1);
  expect(readdirSync(serverState.received)).toEqual([]);
  expect(await server.findMissing([blob], never)).toEqual([blob]);
}, 30_000);
