import { records } from "./git.ts";
import type { RunGit } from "./working-tree.ts";

/**
 * Paths of the index (by mode) that one of the filter `drivers` would clean. With Git LFS the index holds a pointer where
 * the working tree has the content.
 */
export async function findFilteredFiles(
  run: RunGit,
  drivers: readonly string[],
  index: ReadonlyMap<string, string>,
): Promise<string[]> {
  if (drivers.length === 0 || index.size === 0) return [];
  const input = Buffer.from([...index.keys(), ""].join("\0"), "latin1");
  const { stdout } = await run({ args: ["check-attr", "-z", "--stdin", "filter"], input });
  const fields = records(stdout, "\0");
  const names = new Set(drivers.map((driver) => Buffer.from(driver, "utf8").toString("latin1")));
  const paths: string[] = [];
  for (let at = 0; at + 2 < fields.length; at += 3) if (names.has(fields[at + 2]!)) paths.push(fields[at]!);
  return paths;
}

/**
 * Puts the working tree's bytes of these unchanged files into the index, since no driver runs that would make them from
 * what the index holds. Names with a newline are left as they are: `hash-object` reads one name a line.
 */
export async function putRawFiles(
  run: RunGit,
  paths: readonly string[],
  index: ReadonlyMap<string, string>,
): Promise<void> {
  const files = paths.filter((path) => index.get(path)?.startsWith("100") && !/[\n"]/.test(path));
  if (files.length === 0) return;
  const hashed = await run({
    args: ["hash-object", "-w", "--no-filters", "--stdin-paths"],
    input: Buffer.from(files.map((path) => `${path}\n`).join(""), "latin1"),
  });
  const hashes = records(hashed.stdout, "\n");
  const entries = files.map((path, at) => `${index.get(path)} ${hashes[at]}\t${path}\0`);
  await run({ args: ["update-index", "-z", "--index-info"], input: Buffer.from(entries.join(""), "latin1") });
}
