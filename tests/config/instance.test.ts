import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { instanceOf, workspaceDirOf } from "../../src/config/instance.ts";
import { readInstanceId } from "../../src/config/state-dir.ts";

let state: string;

beforeAll(() => {
  state = mkdtempSync(join(tmpdir(), "cicd-instance-"));
});
afterAll(() => rmSync(state, { recursive: true }));

const postgres = (url: string) => instanceOf(state, { kind: "postgres", url });

describe("what an installation labels its objects with", () => {
  test("is the state directory's id for its own database", () => {
    const own = instanceOf(state, { kind: "sqlite", path: join(state, "cicd.db") });
    expect(own).toBe(readInstanceId(state));
  });

  test("differs from one database to the other, and always looks the same", () => {
    const all = [
      instanceOf(state, { kind: "sqlite", path: join(state, "cicd.db") }),
      instanceOf(state, { kind: "sqlite", path: "/elsewhere/cicd.db" }),
      postgres("postgres://db.example.org/cicd"),
      postgres("postgres://db.example.org/other"),
      postgres("postgres://db.example.org:6432/cicd"),
      postgres("postgres://db.example.org/cicd?search_path=team"),
    ];
    expect(new Set(all).size).toBe(all.length);
    for (const instance of all) expect(instance).toMatch(/^[a-z0-9]{12}$/);
  });

  test("stays when a password or a user changes", () => {
    const before = postgres("postgres://cicd:secret@db.example.org/cicd");
    expect(postgres("postgres://cicd:other@db.example.org/cicd?sslmode=require")).toBe(before);
    expect(postgres("postgres://db.example.org/cicd")).toBe(before);
  });
});

test("each database has its files to itself, its own those of the state directory", () => {
  const databases = [
    { kind: "sqlite", path: join(state, "cicd.db") },
    { kind: "sqlite", path: "/elsewhere/cicd.db" },
    { kind: "postgres", url: "postgres://db.example.org/cicd" },
  ] as const;
  const directories = databases.map((database) => workspaceDirOf(state, database));
  expect(directories[0]).toBe(state);
  expect(new Set(directories).size).toBe(databases.length);
  for (const directory of directories.slice(1)) expect(directory).toMatch(/\/d\/[a-z0-9]{12}$/);
});
