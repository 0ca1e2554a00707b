import { readdirSync } from "node:fs";
import { join } from "node:path";

/** Directories that are read before other work gets its turn. */
const BATCH = 100;

/**
 * Every file, link and directory below `root`, `/`-separated and relative to it, directories before what they hold; links are
 * not followed. Throws what the file system throws.
 */
export async function listBelow(root: string): Promise<string[]> {
  const found: string[] = [];
  const open = [""];
  for (let seen = 1; open.length > 0; seen += 1) {
    const directory = open.pop()!;
    for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
      const path = directory === "" ? entry.name : `${directory}/${entry.name}`;
      found.push(path);
      if (entry.isDirectory()) open.push(path);
    }
    if (seen % BATCH === 0) await Bun.sleep(0);
  }
  return found;
}
