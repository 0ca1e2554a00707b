import { type FileHandle, open } from "node:fs/promises";
import { CicdError } from "../errors/cicd-error.ts";
import { FsObjectStore } from "./fs-object-store.ts";
import { ioError } from "./io-error.ts";
import { isPassing, type ObjectStore, sharedStoreFailed } from "./object-store.ts";
import { S3ObjectStore } from "./s3-object-store.ts";

/** How often a failure that may pass is tried again, and how long that waits: full jitter below `baseMs`, doubled each time. */
export interface RetryPolicy {
  tries: number;
  baseMs: number;
}

const RETRIES: RetryPolicy = { tries: 6, baseMs: 250 };
/** What is so old is sent again where it is wanted: `collectGarbage` may be about to remove it. */
const REFRESH_MS = 12 * 60 * 60 * 1000;

/** The shared store at an address of the settings: `fs:/directory` or `s3://BUCKET[/PREFIX]`. */
export function openSharedStore(
  address: string,
  variables: Readonly<Record<string, string | undefined>>,
): SharedStore {
  const [, bucket, prefix = ""] = /^s3:\/\/([^/]+)\/?(.*)$/s.exec(address) ?? [];
  if (bucket !== undefined) return new SharedStore(new S3ObjectStore({ bucket, prefix }, variables));
  return new SharedStore(new FsObjectStore(address.replace(/^fs:/, "")));
}

/** Files by key, on all hosts of a team. Throws SHARED_STORE_FAILED once failures do not pass. */
export class SharedStore {
  constructor(
    private readonly objects: ObjectStore,
    private readonly retries: RetryPolicy = RETRIES,
  ) {}

  get address(): string {
    return this.objects.address;
  }

  /** Stores what `make` writes to a file, unless it is there already. Durable when it returns. */
  async publish(key: string, make: () => Promise<string>, signal: AbortSignal): Promise<void> {
    const there = await this.retry(() => this.objects.stat(key), signal);
    if (there !== undefined && Date.now() - there.modifiedAt < REFRESH_MS) return;
    const file = await make();
    await this.retry(() => this.objects.put(key, file), signal);
  }

  /** Puts the content of a file of this host in place of what is there. Durable when it returns. */
  replace(key: string, file: string, signal: AbortSignal): Promise<void> {
    return this.retry(() => this.objects.put(key, file), signal);
  }

  async list(prefix: string, signal: AbortSignal): Promise<string[]> {
    const found = await this.retry(() => Array.fromAsync(this.objects.list(prefix)), signal);
    return found.map(({ key }) => key);
  }

  /** A small content as text. Undefined: there is none. */
  readText(key: string, signal: AbortSignal): Promise<string | undefined> {
    return this.retry(async () => {
      const content = await this.objects.get(key);
      return content === undefined ? undefined : await new Response(content).text();
    }, signal);
  }

  /** Writes the content to a new file. `false`: there is none. Throws ARCHIVE_REFUSED over `maxBytes`, DISK_FULL. */
  download(key: string, file: string, maxBytes: number, signal: AbortSignal): Promise<boolean> {
    return this.retry(async () => {
      const content = await this.objects.get(key);
      if (content === undefined) return false;
      await writeContent(content, file, { key, maxBytes }, signal);
      return true;
    }, signal);
  }

  /** The error for a content that is not what its key says. */
  wrongContent(key: string, cause?: unknown): CicdError {
    const message = `The shared store ${this.address} holds something else under ${key} than it should.`;
    const hint = "Remove it there, and start a new run.";
    return new CicdError("SHARED_STORE_FAILED", message, { hint, cause });
  }

  /** Removes what `isKept` denies and is older than `olderThanMs`, or only counts it. */
  async collect(
    prefix: string,
    isKept: (key: string) => boolean,
    options: { olderThanMs: number; now: number; dryRun: boolean },
    signal: AbortSignal,
  ): Promise<{ count: number; bytes: number }> {
    let count = 0;
    let bytes = 0;
    const found = await this.retry(() => Array.fromAsync(this.objects.list(prefix)), signal);
    for (const { key, sizeBytes, modifiedAt } of found) {
      if (isKept(key) || options.now - modifiedAt < options.olderThanMs) continue;
      if (!options.dryRun) await this.retry(() => this.objects.delete(key), signal);
      count += 1;
      bytes += sizeBytes;
    }
    return { count, bytes };
  }

  private async retry<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let tried = 1; ; tried += 1) {
      signal.throwIfAborted();
      try {
        return await call();
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof CicdError) throw error;
        if (!isPassing(error) || tried === this.retries.tries) throw sharedStoreFailed(this.address, error);
        await Bun.sleep(Math.random() * this.retries.baseMs * 2 ** (tried - 1));
      }
    }
  }
}

async function writeContent(
  content: ReadableStream<Uint8Array>,
  path: string,
  limit: { key: string; maxBytes: number },
  signal: AbortSignal,
): Promise<void> {
  const file = await open(path, "w", 0o600).catch((error: unknown) => {
    throw ioError(error, "fetching from the shared store");
  });
  let bytes = 0;
  try {
    for await (const chunk of content) {
      signal.throwIfAborted();
      bytes += chunk.length;
      if (bytes > limit.maxBytes)
        throw new CicdError("ARCHIVE_REFUSED", `${limit.key} is larger than ${limit.maxBytes} bytes.`);
      await writeFully(file, chunk);
    }
  } finally {
    await file.close();
  }
}

/** What fails here is this host's, not the shared store's. */
async function writeFully(file: FileHandle, chunk: Uint8Array): Promise<void> {
  try {
    for (let written = 0; written < chunk.length; )
      written += (await file.write(chunk, written, chunk.length - written)).bytesWritten;
  } catch (error) {
    throw ioError(error, "fetching from the shared store");
  }
}
