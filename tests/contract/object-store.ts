import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ObjectStore } from "../../src/workspace/object-store.ts";

/** What every object store does. `open` gives one that is empty below a prefix of its own. */
export function describeObjectStore(open: () => Promise<ObjectStore>): void {
  async function withFiles(
    use: (store: ObjectStore, file: (content: string | Uint8Array) => string) => Promise<void>,
  ): Promise<void> {
    const directory = mkdtempSync(join(tmpdir(), "cicd-objects-"));
    let count = 0;
    const file = (content: string | Uint8Array) => {
      count += 1;
      const path = join(directory, String(count));
      writeFileSync(path, content);
      return path;
    };
    try {
      await use(await open(), file);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  test("what was put comes back, byte for byte, and is replaced whole", () =>
    withFiles(async (store, file) => {
      const large = new Uint8Array(12 * 1024 * 1024).map((_, at) => (at * 31) % 251);
      await store.put("trees/a.pack", file("one"));
      await store.put("trees/large.pack", file(large));
      await store.put("trees/empty.pack", file(""));
      expect(await new Response(await store.get("trees/a.pack")).text()).toBe("one");
      const came = new Uint8Array(await new Response(await store.get("trees/large.pack")).arrayBuffer());
      expect(Buffer.compare(came, large)).toBe(0);
      expect(await new Response(await store.get("trees/empty.pack")).text()).toBe("");
      await store.put("trees/a.pack", file("two, longer"));
      expect(await new Response(await store.get("trees/a.pack")).text()).toBe("two, longer");
    }));

  test("what is not there is undefined, and may be deleted", () =>
    withFiles(async (store, file) => {
      expect(await store.get("trees/none.pack")).toBeUndefined();
      expect(await store.stat("trees/none.pack")).toBeUndefined();
      await store.delete("trees/none.pack");
      await store.put("trees/a.pack", file("one"));
      await store.delete("trees/a.pack");
      expect(await store.get("trees/a.pack")).toBeUndefined();
      expect(await Array.fromAsync(store.list("trees/"))).toEqual([]);
    }));

  test("those below a prefix are listed with size and time", () =>
    withFiles(async (store, file) => {
      const before = Date.now() - 2000;
      await store.put("trees/a.pack", file("1"));
      await store.put("trees/b.pack", file("22"));
      await store.put("layers/c.tar.zst", file("333"));
      const listed = await Array.fromAsync(store.list("trees/"));
      expect(listed.map(({ key, sizeBytes }) => [key, sizeBytes]).sort()).toEqual([
        ["trees/a.pack", 1],
        ["trees/b.pack", 2],
      ]);
      for (const { key, modifiedAt } of listed) {
        expect(modifiedAt).toBeGreaterThan(before);
        expect(modifiedAt).toBeLessThan(Date.now() + 2000);
        expect((await store.stat(key))?.sizeBytes).toBe(key === "trees/a.pack" ? 1 : 2);
      }
    }));

  test("a file that cannot be read makes nothing visible", () =>
    withFiles(async (store) => {
      await expect(store.put("trees/a.pack", "/nonexistent/file")).rejects.toThrow();
      expect(await store.get("trees/a.pack")).toBeUndefined();
      expect(await Array.fromAsync(store.list("trees/"))).toEqual([]);
    }));
}
