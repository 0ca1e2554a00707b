import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FsObjectStore } from "../../src/workspace/fs-object-store.ts";
import { S3ObjectStore } from "../../src/workspace/s3-object-store.ts";
import { openSharedStore, SharedStore } from "../../src/workspace/shared-store.ts";
import { describeObjectStore } from "../contract/object-store.ts";
import { type S3Server, startS3 } from "../support/s3.ts";
import { codeOf, never } from "./fixture.ts";

/** Git starts many processes; other tests may keep the machine busy meanwhile. */
setDefaultTimeout(30_000);

let root: string;
let s3: S3Server;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "cicd-shared-"));
  s3 = await startS3();
});
afterAll(async () => {
  await s3[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});

describe("a directory", () =>
  describeObjectStore(async () => new FsObjectStore(join(root, crypto.randomUUID()))));
describe("an S3 bucket", () =>
  describeObjectStore(
    async () => new S3ObjectStore({ bucket: s3.bucket, prefix: crypto.randomUUID() }, s3.variables),
  ));

test("an interrupted upload into a directory is never seen, and goes after a day", async () => {
  const directory = join(root, "interrupted");
  mkdirSync(join(directory, ".incoming"), { recursive: true });
  const leftover = join(directory, ".incoming", "half");
  writeFileSync(leftover, "half of it");
  const store = new FsObjectStore(directory);
  expect(await Array.fromAsync(store.list("trees/"))).toEqual([]);
  expect(readdirSync(join(directory, ".incoming"))).toEqual(["half"]);
  utimesSync(leftover, 1000, 1000);
  await Array.fromAsync(store.list("trees/"));
  expect(readdirSync(join(directory, ".incoming"))).toEqual([]);
});

test("a shared store that cannot be reached or refuses is named with its address", async () => {
  const variables = { ...s3.variables, AWS_ENDPOINT_URL: "http://127.0.0.1:1" };
  const retries = { tries: 2, baseMs: 1 };
  const away = new SharedStore(new S3ObjectStore({ bucket: "b", prefix: "p" }, variables), retries);
  const asked = away.download("trees/a.pack", join(root, "never"), 10, never);
  await expect(asked).rejects.toMatchObject({
    code: "SHARED_STORE_FAILED",
    message: expect.stringContaining("s3://b/p at http://127.0.0.1:1 "),
    hint: expect.stringContaining("AWS_ENDPOINT_URL"),
  });
  const file = join(root, "file");
  writeFileSync(file, "x");
  const absent = openSharedStore("s3://no-such-bucket/p", s3.variables);
  expect(await codeOf(absent.publish("trees/a.pack", async () => file, never))).toBe("SHARED_STORE_FAILED");
  const nowhere = openSharedStore(`fs:${file}`, {});
  expect(await codeOf(nowhere.publish("trees/a.pack", async () => file, never))).toBe("SHARED_STORE_FAILED");
  const nobody = openSharedStore(`s3://${s3.bucket}`, { AWS_ENDPOINT_URL: s3.variables.AWS_ENDPOINT_URL });
  expect(await codeOf(nobody.publish("trees/a.pack", async () => file, never))).toBe("SHARED_STORE_FAILED");
});

test("a passing failure is tried again, and what it had written is written anew", async () => {
  const inner = new FsObjectStore(join(root, "flaky"));
  writeFileSync(join(root, "content"), "whole");
  await inner.put("trees/a.pack", join(root, "content"));
  let gets = 0;
  const flaky = Object.assign(Object.create(inner) as FsObjectStore, {
    async get(key: string) {
      gets += 1;
      if (gets === 1) throw Object.assign(new Error("reset"), { code: "ECONNRESET" });
      if (gets > 2) return await inner.get(key);
      return new ReadableStream<Uint8Array>({
        pull(controller) {
          controller.enqueue(new TextEncoder().encode("half of something longer"));
          controller.error(Object.assign(new Error("closed"), { code: "ConnectionClosed" }));
        },
      });
    },
  });
  const store = new SharedStore(flaky, { tries: 3, baseMs: 1 });
  const target = join(root, "fetched");
  expect(await store.download("trees/a.pack", target, 100, never)).toBe(true);
  expect(await Bun.file(target).text()).toBe("whole");
  expect(gets).toBe(3);
  expect(await codeOf(store.download("trees/a.pack", target, 3, never))).toBe("ARCHIVE_REFUSED");
});
