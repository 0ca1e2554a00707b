import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { CicdError } from "../errors/cicd-error.ts";
import type { ObjectFormat } from "./tree-objects.ts";

export interface SpooledPack {
  path: string;
  objects: number;
  sizeBytes: number;
  /** By its trailer: the hash of everything before it. */
  format: ObjectFormat;
}

const HEADER_BYTES = 12;
const SHA1_BYTES = 20;
const SHA256_BYTES = 32;

/**
 * Writes a git pack (gitformat-pack(5)) to a new file, durably. Throws ARCHIVE_REFUSED as soon as it is larger than
 * `maxBytes`, is no pack or announces more than `maxObjects`; the stream is canceled then.
 */
export async function spoolPack(
  pack: ReadableStream<Uint8Array>,
  path: string,
  limits: { maxBytes: number; maxObjects: number },
  signal: AbortSignal,
): Promise<SpooledPack> {
  const file = await open(path, "wx", 0o600);
  const sha1 = createHash("sha1");
  let bytes = 0;
  let header = Buffer.alloc(0);
  // The last bytes may be the trailer, which its own hash leaves out.
  let held = Buffer.alloc(0);
  try {
    for await (const chunk of untilAborted(pack, signal)) {
      bytes += chunk.length;
      if (bytes > limits.maxBytes) throw refused(`it is larger than ${limits.maxBytes} bytes`);
      if (header.length < HEADER_BYTES) {
        header = Buffer.concat([header, chunk]).subarray(0, HEADER_BYTES);
        if (header.length === HEADER_BYTES) checkHeader(header, limits.maxObjects);
      }
      const known = Buffer.concat([held, chunk]);
      const end = Math.max(0, known.length - SHA1_BYTES);
      sha1.update(known.subarray(0, end));
      held = Buffer.from(known.subarray(end));
      for (let written = 0; written < chunk.length; )
        written += (await file.write(chunk, written, chunk.length - written)).bytesWritten;
    }
    if (bytes < HEADER_BYTES + SHA1_BYTES) throw refused("it is cut off");
    await file.sync();
  } finally {
    await file.close();
  }
  const format = sha1.digest().equals(held) || bytes < HEADER_BYTES + SHA256_BYTES ? "sha1" : "sha256";
  return { path, objects: header.readUInt32BE(8), sizeBytes: bytes, format };
}

/** Also ends, with the signal's reason, while nothing comes. */
async function* untilAborted(
  bytes: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = bytes.getReader();
  const cancel = () => reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", cancel, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    await cancel();
  }
}

function checkHeader(header: Buffer, maxObjects: number): void {
  if (header.toString("latin1", 0, 4) !== "PACK") throw refused("it is no git pack");
  const version = header.readUInt32BE(4);
  if (version !== 2 && version !== 3) throw refused(`its version ${version} is not known`);
  if (header.readUInt32BE(8) > maxObjects) throw refused(`it has more than ${maxObjects} objects`);
}

function refused(why: string): CicdError {
  return new CicdError("ARCHIVE_REFUSED", `The pack of files is refused: ${why}.`);
}
