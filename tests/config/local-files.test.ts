import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localFiles } from "../../src/config/local-files.ts";
import type { CicdError } from "../../src/errors/cicd-error.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "cicd-files-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const create = (path: string) => localFiles.create(path, "text");
const save = (path: string) => localFiles.save(path, new Blob(["text"]).stream(), { force: true });

test.each([
  ["created", create],
  ["saved", save],
])("a file that is %s gets its directories", async (_, write) => {
  const path = join(directory, "a", "b", "file");
  expect(await write(path)).toBe(true);
  expect(await Bun.file(path).text()).toBe("text");
  expect(readdirSync(join(directory, "a", "b"))).toEqual(["file"]);
});

test("a file that is created is never overwritten", async () => {
  writeFileSync(join(directory, "file"), "mine");
  expect(await create(join(directory, "file"))).toBe(false);
});

for (const [name, write] of Object.entries({ create, save })) {
  test(`${name} names what stands where a directory has to be`, async () => {
    const file = join(directory, "file");
    writeFileSync(file, "");
    const dangling = join(directory, "dangling");
    symlinkSync("nowhere", dangling);
    for (const obstacle of [file, dangling]) {
      for (const path of [join(obstacle, "x"), join(obstacle, "y", "x")]) {
        const error = await write(path).catch((reason: CicdError) => reason);
        expect(error).toMatchObject({ code: "USAGE", message: `${obstacle} is not a directory` });
      }
    }
    expect(readdirSync(directory).sort()).toEqual(["dangling", "file"]);
  });
}
