import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tryProcessLock } from "../../src/workspace/process-lock.ts";

const SOURCE = join(import.meta.dir, "../../src/workspace/process-lock.ts");

test("a lock is held against every process, and free again when its holder is killed", async () => {
  const directory = await mkdtemp(join(tmpdir(), "cicd-lock-"));
  const path = join(directory, "workers", "one.lock");
  const script = `import { tryProcessLock } from ${JSON.stringify(SOURCE)};
    globalThis.lock = await tryProcessLock(${JSON.stringify(path)});
    console.log(globalThis.lock !== undefined);
    await new Promise((resolve) => setTimeout(resolve, 60_000));`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stdin: "ignore" });
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("true\n");
  expect(await tryProcessLock(path)).toBeUndefined();
  child.kill("SIGKILL");
  await child.exited;
  const lock = await tryProcessLock(path);
  expect(lock).toBeDefined();
  expect(await tryProcessLock(path)).toBeUndefined();
  await lock![Symbol.asyncDispose]();
  await using again = await tryProcessLock(path);
  expect(again).toBeDefined();
  await rm(directory, { recursive: true });
});
