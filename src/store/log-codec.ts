import { CicdError } from "../errors/cicd-error.ts";

/** Log bytes as they lie in the database. */
export interface PackedChunk {
  compressed: boolean;
  bytes: Uint8Array;
}

/** zstd where that makes them smaller. */
export function packLog(bytes: Uint8Array): PackedChunk {
  const packed = Bun.zstdCompressSync(bytes, { level: 1 });
  return packed.length < bytes.length ? { compressed: true, bytes: packed } : { compressed: false, bytes };
}

/** Throws STORE_CORRUPT when they do not unpack to `byteLength` bytes. */
export function unpackLog(packed: PackedChunk, byteLength: number): Uint8Array {
  const bytes = packed.compressed ? decompress(packed.bytes) : packed.bytes;
  if (bytes?.length !== byteLength) throw new CicdError("STORE_CORRUPT", "A stored log chunk is damaged.");
  return bytes;
}

function decompress(bytes: Uint8Array): Uint8Array | undefined {
  try {
    return Bun.zstdDecompressSync(bytes);
  } catch {
    return undefined;
  }
}
