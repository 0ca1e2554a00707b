import { randomBytes } from "node:crypto";
import { link, open, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { hasErrno, ioError } from "./io-error.ts";

const HEARTBEAT_MS = 5_000;
const STALE_MS = 30_000;
const POLL_MS = 50;

/**
 * Holds `path` as a lock between processes until disposed. A lock whose process is gone, or that was not renewed for
 * 30 s, is taken over. Waits until it is free or `signal` aborts.
 */
export async function lockFile(path: string, signal: AbortSignal): Promise<AsyncDisposable> {
  const mark = `${JSON.stringify({ host: hostname(), pid: process.pid, id: randomBytes(9).toString("hex") })}\n`;
  try {
    while (!(await tryLock(path, mark))) {
      await breakStale(path);
      await Bun.sleep(POLL_MS);
      signal.throwIfAborted();
    }
  } catch (error) {
    throw ioError(error, "locking");
  }
  const renew = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, HEARTBEAT_MS);
  renew.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(renew);
      if ((await readFile(path, "utf8").catch(() => "")) === mark) await rm(path, { force: true });
    },
  };
}

/** The mark is written before it is linked into place, so that nobody sees a lock without an owner. */
async function tryLock(path: string, mark: string): Promise<boolean> {
  const draft = `${path}.${randomBytes(9).toString("hex")}`;
  await writeFile(draft, mark, { mode: 0o600 });
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (hasErrno(error, "EEXIST")) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function breakStale(path: string): Promise<void> {
  try {
    const handle = await open(path);
    try {
      const mark = await handle.readFile("utf8");
      const age = Date.now() - (await handle.stat()).mtimeMs;
      if (age < STALE_MS && isOwnerAlive(mark)) return;
      await removeIf(path, (await handle.stat()).ino);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
  }
}

/** Moves the lock aside and, should it be another one by now, puts it back. */
async function removeIf(path: string, inode: number): Promise<void> {
  const aside = `${path}.${randomBytes(9).toString("hex")}`;
  await rename(path, aside);
  if ((await stat(aside)).ino !== inode) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

function isOwnerAlive(mark: string): boolean {
  const [, host, pid] = /"host":"(.*)","pid":(\d+)/.exec(mark) ?? [];
  if (host !== hostname()) return true;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return hasErrno(error, "EPERM");
  }
}
