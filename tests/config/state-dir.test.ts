import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localFiles } from "../../src/config/local-files.ts";
import { makeStateDir, readInstanceId } from "../../src/config/state-dir.ts";
import type { CicdError } from "../../src/errors/cicd-error.ts";

const root = mkdtempSync(join(tmpdir(), "cicd-state-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const codeOf = (error: unknown) => (error as CicdError).code;

describe("the state directory", () => {
  test("is for its owner only, made so or mended", () => {
    const path = join(root, "a", "b");
    makeStateDir(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    chmodSync(path, 0o755);
    makeStateDir(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  test("that cannot be made is a coded error with a hint", () => {
    writeFileSync(join(root, "file"), "");
    try {
      makeStateDir(join(root, "file", "state"));
      expect.unreachable();
    } catch (error) {
      expect(codeOf(error)).toBe("IO_FAILED");
      expect((error as CicdError).hint).toContain("CICD_STATE_DIR");
    }
  });
});

describe("the instance id", () => {
  test("is made once, and the same for processes that start together", async () => {
    const state = join(root, "together");
    mkdirSync(state);
    const script = `import { readInstanceId } from "${join(import.meta.dir, "../../src/config/state-dir.ts")}"; console.log(readInstanceId(${JSON.stringify(state)}));`;
    const start = () => Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
    const ids = await Promise.all(Array.from({ length: 6 }, () => new Response(start().stdout).text()));
    expect(new Set(ids.map((id) => id.trim())).size).toBe(1);
    expect(readInstanceId(state)).toBe(ids[0]!.trim());
    expect(readInstanceId(state)).toMatch(/^[a-z0-9]{12}$/);
    expect(readdirSync(state)).toEqual(["instance"]);
  });

  test("that is damaged is said so", () => {
    const state = join(root, "damaged");
    mkdirSync(state);
    writeFileSync(join(state, "instance"), "../../etc");
    expect(() => readInstanceId(state)).toThrow("damaged");
  });
});

describe("files of this host", () => {
  test("a directory, a named pipe and a device are refused, and not waited for", async () => {
    const pipe = join(root, "pipe");
    Bun.spawnSync(["mkfifo", pipe]);
    for (const path of [root, pipe, "/dev/zero"]) {
      expect(await localFiles.readText(path).catch(codeOf)).toBe("CONFIG_UNREADABLE");
    }
    expect(await localFiles.readText(join(root, "none.yml")).catch(codeOf)).toBe("CONFIG_NOT_FOUND");
  });

  test("of a large file no more than a MiB and a byte is read", async () => {
    const path = join(root, "large");
    writeFileSync(path, "x".repeat(3 * 1024 * 1024));
    expect((await localFiles.readText(path)).length).toBe(1024 * 1024 + 1);
  });

  test("a file that exists is never overwritten, unless asked to", async () => {
    const path = join(root, "deep", "file");
    const bytes = (text: string) => new Response(text).body!;
    expect(await localFiles.create(path, "one")).toBe(true);
    expect(await localFiles.create(path, "two")).toBe(false);
    expect(await localFiles.save(path, bytes("three"), { force: false })).toBe(false);
    expect(await localFiles.readText(path)).toBe("one");
    expect(await localFiles.save(path, bytes("four"), { force: true })).toBe(true);
    expect(await localFiles.readText(path)).toBe("four");
    expect(readdirSync(join(root, "deep"))).toEqual(["file"]);
  });
});
