import { join } from "node:path";
import type { Git } from "./git.ts";
import { OncePerHost } from "./once-per-host.ts";
import { DEFAULT_TRANSFER_LIMITS, receivePack } from "./received-objects.ts";
import type { SharedStore } from "./shared-store.ts";
import { takeSnapshot } from "./snapshot.ts";
import { markUsed, openTemporaryDirectory, type StateDirectory, snapshotPathOf } from "./state-directory.ts";
import { listTreeEntries } from "./tree-listing.ts";
import type { TreeObjects } from "./tree-objects.ts";
import { findReceived, packObjects } from "./tree-transfer.ts";
import { writeStream } from "./write-stream.ts";

/** Snapshots in the shared store: each as one git pack of all that its tree holds. */
export class SharedTrees {
  private readonly once: OncePerHost;

  constructor(
    private readonly git: Git,
    private readonly state: StateDirectory,
    private readonly shared: SharedStore,
  ) {
    this.once = new OncePerHost(state);
  }

  /** Stores the tree for other hosts, unless it is there. */
  async publish(objects: TreeObjects, signal: AbortSignal): Promise<void> {
    await using directory = await openTemporaryDirectory(this.state, "share");
    const file = join(directory.path, "pack");
    const make = async () => {
      const ids = new Set([objects.tree]);
      for await (const { id } of listTreeEntries(this.git, this.state, objects, {}, signal)) ids.add(id);
      await writeStream(packObjects(this.git, this.state, objects, [...ids], signal), file);
      return file;
    };
    await this.shared.publish(keyOf(objects.tree), make, signal);
  }

  /**
   * Makes the snapshot of a tree out of the shared store. `false`: it is not there. Its objects are named by their content,
   * so nothing else can come under the tree's name. Throws SHARED_STORE_FAILED, ARCHIVE_REFUSED, DISK_FULL.
   */
  async fetch(tree: string): Promise<boolean> {
    const isThere = () => markUsed(snapshotPathOf(this.state, tree));
    const { signal } = new AbortController();
    await this.once.run(`tree-${tree}`, isThere, () => this.fetchPack(tree, signal));
    return await isThere();
  }

  private async fetchPack(tree: string, signal: AbortSignal): Promise<void> {
    await using directory = await openTemporaryDirectory(this.state, "fetch");
    const file = join(directory.path, "pack");
    const { maxUnpackedBytes } = DEFAULT_TRANSFER_LIMITS;
    // Its parts were accepted already, perhaps in several packs that were allowed more.
    const limits = {
      ...DEFAULT_TRANSFER_LIMITS,
      maxBytes: maxUnpackedBytes,
      maxRatio: Number.POSITIVE_INFINITY,
    };
    if (!(await this.shared.download(keyOf(tree), file, limits.maxBytes, signal))) return;
    await receivePack(this.git, this.state, Bun.file(file).stream(), limits, signal);
    const objects = await findReceived(this.git, this.state, tree, signal);
    if (objects === undefined) throw this.shared.wrongContent(keyOf(tree));
    await takeSnapshot(this.git, this.state, { objects, repoKey: this.shared.address }, signal);
  }
}

function keyOf(tree: string): string {
  return `trees/${tree}.pack`;
}
