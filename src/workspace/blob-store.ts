import { chmodSync, copyFileSync, linkSync, lstatSync, mkdirSync, rmSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import { hasErrno } from "./io-error.ts";
import { OPEN_EXECUTABLE, OPEN_FILE } from "./open-permissions.ts";
import type { StateDirectory } from "./state-directory.ts";

export interface BlobFacts {
  sha256: string;
  sizeBytes: number;
  executable: boolean;
  mtimeMs: number;
}

/**
 * Contents by their SHA-256, each stored once (once more where it is executable, since permissions belong to the file and
 * not to its name) and hard-linked into the layers.
 */
export class BlobStore {
  constructor(private readonly state: StateDirectory) {}

  /**
   * Puts a content at `destination`, where nothing is yet, and stores it if it is new. `write` makes the file when there is
   * no blob to link. Throws what the file system throws.
   */
  place(facts: BlobFacts, destination: string, write: (path: string) => void): void {
    const blob = this.pathOf(facts.sha256, facts.executable);
    if (this.linkExisting(blob, facts, destination)) return;
    write(destination);
    const mtime = facts.mtimeMs / 1000;
    chmodSync(destination, facts.executable ? OPEN_EXECUTABLE : OPEN_FILE);
    utimesSync(destination, mtime, mtime);
    mkdirSync(dirname(blob), { recursive: true, mode: 0o700 });
    try {
      linkSync(destination, blob);
    } catch (error) {
      if (!hasErrno(error, "EEXIST")) throw error;
    }
  }

  /** The blob's bytes. Throws NOT_FOUND. */
  read(sha256: string): ReadableStream<Uint8Array<ArrayBuffer>> {
    if (/^[0-9a-f]{64}$/.test(sha256))
      for (const executable of [false, true]) {
        const path = this.pathOf(sha256, executable);
        if (lstatSync(path, { throwIfNoEntry: false })?.isFile()) return Bun.file(path).stream();
      }
    throw new CicdError("NOT_FOUND", `The artifact content ${sha256.slice(0, 64)} is not stored here.`);
  }

  private pathOf(sha256: string, executable: boolean): string {
    return join(this.state.blobs, sha256.slice(0, 2), `${sha256.slice(2)}${executable ? ".x" : ""}`);
  }

  /**
   * A blob cut short by a crash of the machine is dropped. The newest time counts for all that share the blob, so that no
   * result is older than what it was made from. At a file system's limit of links the content is copied.
   */
  private linkExisting(blob: string, facts: BlobFacts, destination: string): boolean {
    const found = lstatSync(blob, { throwIfNoEntry: false });
    if (found === undefined) return false;
    if (found.size !== facts.sizeBytes) {
      rmSync(blob, { force: true });
      return false;
    }
    try {
      linkSync(blob, destination);
    } catch (error) {
      if (hasErrno(error, "ENOENT")) return false;
      if (!hasErrno(error, "EMLINK")) throw error;
      copyFileSync(blob, destination);
      chmodSync(destination, facts.executable ? OPEN_EXECUTABLE : OPEN_FILE);
    }
    if (facts.mtimeMs > found.mtimeMs) utimesSync(destination, facts.mtimeMs / 1000, facts.mtimeMs / 1000);
    return true;
  }
}
