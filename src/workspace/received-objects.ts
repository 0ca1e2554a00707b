import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import type { Git, GitCall } from "./git.ts";
import { ioError } from "./io-error.ts";
import { type SpooledPack, spoolPack } from "./pack-file.ts";
import { splitRecords } from "./split-records.ts";
import { markUsed, openTemporaryDirectory, type StateDirectory } from "./state-directory.ts";
import { isolated, makeBareRepository, type ObjectFormat, objectEnvironment } from "./tree-objects.ts";

/** What one pack, or one tree, may hold. */
export interface TransferLimits {
  maxObjects: number;
  /** Of all objects of a pack, or all files of a tree, as they are when unpacked. */
  maxUnpackedBytes: number;
  /** How many times its own size a pack may unpack to, beyond `FREE_BYTES`. Texts come to 30, blanks to 1000. */
  maxRatio: number;
  maxPathBytes: number;
}

const FREE_BYTES = 64 * 1024 ** 2;

export const DEFAULT_TRANSFER_LIMITS: TransferLimits = {
  maxObjects: 1_000_000,
  maxUnpackedBytes: 20 * 1024 ** 3,
  maxRatio: 200,
  maxPathBytes: 2048,
};

/**
 * A git that reads what others made: a small object may unpack to a huge one. Whole in memory are only trees, and files
 * below `core.bigFileThreshold` or sent as differences.
 */
export const GUARDED: Pick<GitCall, "limits" | "settings"> = {
  limits: { memoryBytes: 1024 ** 3, cpuSeconds: 300 },
  settings: [
    ["core.packedGitWindowSize", "16m"],
    ["core.packedGitLimit", "128m"],
    ["core.deltaBaseCacheLimit", "64m"],
  ],
};

/** Where the objects of this format lie that were received on this host. */
export function receivedDirectory(state: StateDirectory, format: ObjectFormat): string {
  return join(state.received, format);
}

/** The format of an object id. */
export function formatOf(id: string): ObjectFormat {
  return id.length === 64 ? "sha256" : "sha1";
}

/**
 * Takes a pack into the objects received here: spooled and checked by `git index-pack --strict` in a temporary directory,
 * then moved in, so that a crash leaves only that directory. What the objects refer to must be in the same pack or have been
 * received before. Throws ARCHIVE_REFUSED, TREE_INCOMPLETE, DISK_FULL.
 */
export async function receivePack(
  git: Git,
  state: StateDirectory,
  pack: ReadableStream<Uint8Array>,
  limits: TransferLimits & { maxBytes: number },
  signal: AbortSignal,
): Promise<void> {
  await using directory = await openTemporaryDirectory(state, "pack");
  try {
    const packs = join(directory.path, "objects", "pack");
    await mkdir(packs, { recursive: true, mode: 0o700 });
    const spooled = await spoolPack(pack, join(packs, "pack-new.pack"), limits, signal);
    if (spooled.objects === 0) return;
    const target = receivedDirectory(state, spooled.format);
    await mkdir(join(target, "pack"), { recursive: true, mode: 0o700 });
    const name = await checkPack(git, { directory: directory.path, spooled, target, limits }, signal);
    await movePack(packs, join(target, "pack"), name);
    await markUsed(target);
  } catch (error) {
    throw ioError(error, "receiving files");
  }
}

async function checkPack(
  git: Git,
  pack: { directory: string; spooled: SpooledPack; target: string; limits: TransferLimits },
  signal: AbortSignal,
): Promise<string> {
  const { directory, spooled, target, limits } = pack;
  const repository = join(directory, "git");
  await makeBareRepository(repository, spooled.format);
  const own = join(directory, "objects");
  // Old repositories have zero-padded modes; they are harmless.
  const strict = "--strict=zeroPaddedFilemode=ignore";
  const args = ["index-pack", strict, "--threads=1", `--object-format=${spooled.format}`, spooled.path];
  const indexed = { ...objectEnvironment([own, target]), ...isolated(repository) };
  const call = { ...GUARDED, cwd: repository };
  const { stdout } = await git({ ...call, args, environment: indexed }, signal).catch((error: unknown) => {
    throw refusal(error);
  });
  const alone = { ...objectEnvironment([own]), ...isolated(repository) };
  const maxBytes = Math.min(limits.maxUnpackedBytes, FREE_BYTES + limits.maxRatio * spooled.sizeBytes);
  await checkSizes(git, { ...call, environment: alone }, maxBytes, signal);
  const [, name] = /([0-9a-f]{40,64})\s*$/.exec(stdout.toString("latin1")) ?? [];
  if (name === undefined) throw new CicdError("GIT_FAILED", "git index-pack named no pack.");
  return name;
}

async function checkSizes(
  git: Git,
  call: Pick<GitCall, "cwd" | "environment" | "limits" | "settings">,
  maxBytes: number,
  signal: AbortSignal,
): Promise<void> {
  const args = ["cat-file", "--batch-check=%(objectsize)", "--batch-all-objects", "--unordered", "--buffer"];
  let bytes = 0;
  for await (const size of splitRecords(git.stream({ ...call, args }, signal), "\n")) {
    bytes += Number(size);
    if (!(bytes <= maxBytes))
      throw new CicdError("ARCHIVE_REFUSED", `The files are larger than ${maxBytes} bytes when unpacked.`, {
        hint: "Is there a large file of blanks, or one that git should ignore?",
      });
  }
}

function refusal(error: unknown): unknown {
  if (!(error instanceof CicdError) || error.code === "DISK_FULL" || error.code === "GIT_MISSING")
    return error;
  if (/did not receive expected object/.test(error.message))
    return new CicdError("TREE_INCOMPLETE", "The files refer to others that were not sent.", {
      hint: "Start the run again: everything is sent anew.",
      cause: error,
    });
  return new CicdError("ARCHIVE_REFUSED", `The pack of files is refused: ${error.message}.`, {
    cause: error,
  });
}

/** Git looks for the index first, so the pack goes before it. A pack of the same name has the same objects. */
async function movePack(from: string, to: string, name: string): Promise<void> {
  await syncFile(join(from, "pack-new.idx"));
  for (const kind of ["pack", "idx"])
    await rename(join(from, `pack-new.${kind}`), join(to, `pack-${name}.${kind}`));
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
