import { randomBytes } from "node:crypto";
import { copyFile, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hasErrno } from "./io-error.ts";
import type { ObjectStore, StoredObject } from "./object-store.ts";

const INCOMING = ".incoming";
/** No upload takes longer; what is older was left by a crash. */
const LEFTOVER_MS = 24 * 60 * 60 * 1000;

/** A directory that every host has mounted, such as a volume of NFS. */
export class FsObjectStore implements ObjectStore {
  readonly address: string;

  constructor(private readonly root: string) {
    this.address = `fs:${root}`;
  }

  /** Written beside and renamed. A rename also makes the content durable's name visible at once on every host. */
  async put(key: string, file: string): Promise<void> {
    const draft = join(this.root, INCOMING, randomBytes(9).toString("hex"));
    const path = join(this.root, key);
    await mkdir(dirname(draft), { recursive: true, mode: 0o700 });
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    try {
      await copyFile(file, draft);
      await makeDurable(draft);
      await rename(draft, path);
    } finally {
      await rm(draft, { force: true });
    }
  }

  async get(key: string): Promise<ReadableStream<Uint8Array> | undefined> {
    const found = await this.stat(key);
    return found === undefined ? undefined : Bun.file(join(this.root, key)).stream();
  }

  async stat(key: string): Promise<StoredObject | undefined> {
    try {
      const { size, mtimeMs } = await stat(join(this.root, key));
      return { key, sizeBytes: size, modifiedAt: mtimeMs };
    } catch (error) {
      if (hasErrno(error, "ENOENT")) return undefined;
      throw error;
    }
  }

  async delete(key: string): Promise<void> {
    await rm(join(this.root, key), { force: true });
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    await this.removeLeftovers();
    const directory = prefix.slice(0, prefix.lastIndexOf("/") + 1);
    for (const name of await namesIn(join(this.root, directory))) {
      const key = directory + name;
      const found = key.startsWith(prefix) ? await this.stat(key) : undefined;
      if (found !== undefined) yield found;
    }
  }

  private async removeLeftovers(): Promise<void> {
    for (const name of await namesIn(join(this.root, INCOMING))) {
      const found = await this.stat(`${INCOMING}/${name}`);
      if (found !== undefined && Date.now() - found.modifiedAt > LEFTOVER_MS) await this.delete(found.key);
    }
  }
}

async function makeDurable(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.chmod(0o600);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
}
