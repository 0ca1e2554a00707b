import type { Executor } from "../run/executor.ts";
import type { EpochMs, Owner } from "../run/records.ts";
import type { Registry } from "../run/registry.ts";
import type { Store } from "../run/store.ts";
import type { JunitReader } from "../run/test-results.ts";
import type { ArtifactReader, LayerStore, SourceOpener, TreeTransfer } from "../run/workspace.ts";
import type { ProcessPhases } from "./process-phases.ts";
import type { Upkeep } from "./upkeep.ts";

export type ExecutorKind = "docker" | "shell";

/**
 * What the use-cases work with, composed in `main`. Parts are made when first asked for, once, and disposed of with
 * the app, so that a command pays only for what it uses.
 */
export interface App extends AsyncDisposable {
  store(): Promise<Store>;
  sources(): Promise<SourceOpener>;
  /** What a server keeps besides runs, in the same database. */
  registry(): Promise<Registry>;
  transfer(): Promise<TreeTransfer>;
  layers(): Promise<LayerStore & ArtifactReader>;
  readJunit: JunitReader;
  executor(kind: ExecutorKind): Promise<Executor>;
  files: Files;
  /** `default_image`. */
  defaultImage?: string;
  upkeep: Upkeep;
  /** Recorded when the app is disposed of. */
  phases: ProcessPhases;
  identity: Identity;
  /** Seals secrets; 32 bytes. Throws SECRET_KEY_INVALID, PERMISSION_DENIED, DISK_FULL, IO_FAILED. */
  secretKey(): Uint8Array;
  /** Tells the user something that does not end the command: one sentence. */
  warn(text: string): void;
  now: () => EpochMs;
  /** Unique, unguessable, `[a-z0-9]`, sortable by time. */
  newId: () => string;
  /** False when the process is known to be gone; true when it lives or that cannot be known (another host). */
  isOwnerAlive(owner: Owner): boolean;
  /** Makes this process the only worker of that name on this host, until disposed of. Throws WORKER_RUNNING. */
  lockWorker(name: string): Promise<AsyncDisposable>;
}

export interface Identity {
  /** This installation's label on everything it makes: one per state directory and database. `[a-z0-9]{12}` */
  instance: string;
  owner: Owner;
}

/** Plain files outside of any repository: `check -f`, `init`, `artifacts get`. */
export interface Files {
  /**
   * At most 1 MiB and one byte of a regular file as text. Throws CONFIG_NOT_FOUND, CONFIG_UNREADABLE.
   */
  readText(path: string): Promise<string>;
  /**
   * The same of a file below `root`, `path` being relative to it. Undefined: there is no regular file. A link that leads out of `root` throws
   * CONFIG_UNREADABLE: whoever has written the tree does not choose which files of the host are read.
   */
  readBelow(root: string, path: string): Promise<string | undefined>;
  /** Names (not paths) in a directory, sorted; empty when there is none. */
  list(directory: string): Promise<string[]>;
  /**
   * Creates a file with its directories; never overwrites: returns false when it exists. Throws USAGE where a directory
   * has to be and something else is, DISK_FULL, PERMISSION_DENIED, IO_FAILED.
   */
  create(path: string, text: string): Promise<boolean>;
  /** The same with bytes; with `force` a file that exists is replaced in one step. */
  save(path: string, bytes: ReadableStream<Uint8Array>, options: { force: boolean }): Promise<boolean>;
}

/** The worker name of a process: how its attempts are found again. */
export function workerName(owner: Owner): string {
  return `${owner.machineId}:${owner.bootId}:${owner.pid}:${owner.processStart}`;
}
