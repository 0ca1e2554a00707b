import { createHash } from "node:crypto";
import { lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { LayerPath } from "../run/workspace.ts";
import { listBelow } from "./list-below.ts";
import { hashFile } from "./read-layer.ts";

const KEY_HASH_LENGTH = 40;

/** See `CacheStore.hashFiles`. */
export async function hashKeyFiles(snapshot: LayerPath, patterns: string[]): Promise<string | null> {
  const paths = new Set<string>();
  let listed: string[] | undefined;
  for (const pattern of patterns) {
    const path = pattern.replace(/^(\.\/)+/, "");
    if (!/[*?[{]/.test(path)) paths.add(path);
    else {
      listed ??= await listBelow(snapshot);
      const glob = new Bun.Glob(path);
      for (const candidate of listed) if (glob.match(candidate)) paths.add(candidate);
    }
  }
  const lines: string[] = [];
  for (const path of [...paths].sort()) {
    const content = await contentOf(snapshot, path);
    if (content !== undefined) lines.push(JSON.stringify([path, content]));
  }
  if (lines.length === 0) return null;
  return createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, KEY_HASH_LENGTH);
}

/** Undefined: it is no file or link of the snapshot; what lies behind a link is none. */
async function contentOf(snapshot: LayerPath, path: string): Promise<string | undefined> {
  const segments = path.split("/");
  if (segments.includes("..")) return undefined;
  for (let length = 1; length < segments.length; length += 1) {
    const parent = lstatSync(join(snapshot, ...segments.slice(0, length)), { throwIfNoEntry: false });
    if (!parent?.isDirectory()) return undefined;
  }
  const file = join(snapshot, path);
  const stats = lstatSync(file, { throwIfNoEntry: false });
  if (stats?.isSymbolicLink()) return `-> ${readlinkSync(file)}`;
  return stats?.isFile() ? await hashFile(file, stats) : undefined;
}
