import { open } from "node:fs/promises";
import { ioError } from "./io-error.ts";

/** Writes all of it to a new file. Throws DISK_FULL, IO_FAILED, and what the stream throws. */
export async function writeStream(bytes: AsyncIterable<Uint8Array>, path: string): Promise<void> {
  try {
    const file = await open(path, "wx", 0o600);
    try {
      for await (const chunk of bytes)
        for (let written = 0; written < chunk.length; )
          written += (await file.write(chunk, written, chunk.length - written)).bytesWritten;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw ioError(error, "writing a temporary file");
  }
}
