import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { pipeline, Readable } from "node:stream";
import { extract } from "tar-stream";
import type { ArtifactSink } from "../../src/run/workspace.ts";

/** An artifact sink that keeps everything in memory: `files` by path, a link's text being `-> target`. */
export class CollectedFiles implements ArtifactSink {
  readonly files: Record<string, string> = {};
  /** Every path that was taken, in order: twice where it was offered twice. */
  readonly taken: string[] = [];
  readonly #onBytes: () => void;

  /** `onBytes` is called with each piece of content. */
  constructor({ onBytes = () => {} }: { onBytes?: () => void } = {}) {
    this.#onBytes = onBytes;
  }

  async addTar(
    tar: AsyncIterable<Uint8Array>,
    options: { toPath: (entryName: string) => string; accept: (path: string) => boolean },
  ): Promise<number> {
    const before = this.taken.length;
    const entries = extract();
    pipeline(Readable.from(tar), entries, () => {});
    for await (const entry of entries) {
      const path = options.toPath(entry.header.name);
      const chunks: Buffer[] = [];
      for await (const chunk of entry) {
        this.#onBytes();
        chunks.push(chunk as Buffer);
      }
      const { type, linkname } = entry.header;
      if (!options.accept(path) || type === "directory") continue;
      this.#take(path, type === "symlink" ? `-> ${linkname}` : Buffer.concat(chunks).toString());
    }
    return this.taken.length - before;
  }

  async addDirectory(root: string, { accept }: { accept: (path: string) => boolean }): Promise<number> {
    const before = this.taken.length;
    const visit = async (directory: string) => {
      for (const name of readdirSync(join(root, directory)).sort()) {
        const path = directory === "" ? name : `${directory}/${name}`;
        const info = lstatSync(join(root, path));
        if (info.isDirectory()) await visit(path);
        else if (accept(path)) {
          const whole = join(root, path);
          this.#onBytes();
          await Bun.sleep(0);
          this.#take(path, info.isSymbolicLink() ? `-> ${readlinkSync(whole)}` : readFileSync(whole, "utf8"));
        }
      }
    };
    await visit("");
    return this.taken.length - before;
  }

  async commit() {
    return { layer: null, artifacts: [], leftOut: { entries: [], count: 0 } };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #take(path: string, content: string): void {
    this.taken.push(path);
    this.files[path] = content;
  }
}
