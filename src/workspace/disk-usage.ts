import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { hasErrno } from "./io-error.ts";

/** What removing a directory frees: bytes of files that have no other name, and names that others lose, by inode. */
export interface DiskUsage {
  bytes: number;
  sharedNames: Map<number, number>;
}

/** Adds up a directory (or file) without following links; what vanishes meanwhile counts nothing. */
export async function measureUsage(
  path: string,
  usage: DiskUsage = { bytes: 0, sharedNames: new Map() },
): Promise<DiskUsage> {
  try {
    const stats = await lstat(path);
    if (stats.isDirectory()) {
      for (const name of await readdir(path)) await measureUsage(join(path, name), usage);
    } else if (stats.nlink > 1) usage.sharedNames.set(stats.ino, (usage.sharedNames.get(stats.ino) ?? 0) + 1);
    else usage.bytes += stats.size;
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
  }
  return usage;
}
