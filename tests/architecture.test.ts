import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { importsOf, offences, roomOf } from "./architecture/check-source.ts";
import { MAX_LINES, ROOMS } from "./architecture/rooms.ts";

const SRC = join(import.meta.dir, "..", "src");
const FILES = [...new Bun.Glob("**/*.{ts,tsx}").scanSync(SRC)].sort();
const read = (path: string) => readFileSync(join(SRC, path), "utf8");

describe("the rooms of src", () => {
  test("every file keeps to the import table", () => {
    expect(FILES.length).toBeGreaterThan(100);
    expect(FILES.flatMap((path) => offences(path, read(path)))).toEqual([]);
  });

  test("every room of the table exists", () => {
    const present = new Set(FILES.map(roomOf));
    expect(Object.keys(ROOMS).filter((room) => !present.has(room))).toEqual([]);
  });

  test("no room reaches itself through others", () => {
    const reaches = (from: string, seen = new Set<string>()): Set<string> => {
      for (const next of ROOMS[from]?.rooms ?? []) if (!seen.has(next)) reaches(next, seen.add(next));
      return seen;
    };
    expect(Object.keys(ROOMS).filter((room) => reaches(room).has(room))).toEqual([]);
  });

  test(`no file is longer than ${MAX_LINES} lines`, () => {
    const lines = FILES.map((path) => ({ path, lines: read(path).trimEnd().split("\n").length }));
    expect(lines.filter((file) => file.lines > MAX_LINES)).toEqual([]);
  });

  test("no file is named for having no name", () => {
    const vague = /(^|\/)(utils?|helpers?|managers?|types|misc|common)(\/|\.tsx?$)/;
    expect(FILES.filter((path) => vague.test(path))).toEqual([]);
  });
});

describe("the check", () => {
  test.each([
    ["pipeline/a.ts", 'import { readFileSync } from "node:fs";', "imports node:fs"],
    ["pipeline/a.ts", 'import { plan } from "../plan/plan.ts";', "may not import plan"],
    ["plan/a.ts", "const now = Date.now();", "uses Date.now"],
    ["plan/a.ts", "const id = Math.random();", "uses Math.random"],
    ["run/a.ts", 'import Docker from "dockerode";', "imports the package dockerode"],
    [
      "run/a.ts",
      'export { open } from "../store/sqlite/open-sqlite-store.ts";',
      "may not import store/sqlite",
    ],
    [
      "store/sqlite/a.ts",
      'import { x } from "../postgres/postgres-store.ts";',
      "may not import store/postgres",
    ],
    ["executor/shell/a.ts", 'import { x } from "../docker/labels.ts";', "may not import executor/docker"],
    ["app/a.ts", 'const { x } = await import("../store/sqlite/migrate.ts");', "may not import store/sqlite"],
    ["app/a.ts", "const x = await import(name);", "import(name)"],
    [
      "run/a.ts",
      'const { Cron } = require("croner") as typeof import("croner");',
      "imports the package croner",
    ],
    [
      "cli/commands/a.ts",
      'import { x } from "../../executor/docker/labels.ts";',
      "may not import executor/docker",
    ],
    ["config/a.ts", 'const { find } = require("../app/find-run.ts");', "may import types only"],
    ["config/a.ts", 'import { find } from "../app/find-run.ts";', "may import types only"],
    ["app/a.ts", 'const home = process.env["HOME"];', "reads the environment"],
    ["app/a.ts", 'import { x } from "./b";', "without its ending"],
    ["app/a.ts", 'import {\n  type A,\n  b,\n} from "../cli/output.ts";', "may not import cli"],
    ["web/a.ts", "", "stands in no room"],
  ])("finds what is wrong in %s: %s", (path, source, offence) => {
    expect(offences(path, source).join("\n")).toContain(offence);
  });

  test("sees every form of import once", () => {
    const source = [
      'import a, { b } from "./a.ts";',
      'import type { C } from "./c.ts";',
      'import "./d.ts";',
      'export * from "./e.ts";',
      'const f = () => import("./f.ts");',
      'const { g } = require("./g.ts");',
    ].join("\n");
    expect(
      importsOf(source)
        .map((item) => item.target)
        .sort(),
    ).toEqual(["./a.ts", "./c.ts", "./d.ts", "./e.ts", "./f.ts", "./g.ts"]);
  });
});
