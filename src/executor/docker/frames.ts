/**
 * Takes Docker's multiplexed stream apart (8 header bytes: stream, 0, 0, 0, length as big-endian uint32; then the
 * payload) and yields the payloads in order, those of one chunk together: a job that prints short lines has a frame for
 * each. Reuses the chunks' memory. Throws when the source ends inside a frame.
 */
export async function* readFrames(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const header = new Uint8Array(8);
  let headerLength = 0;
  let left = 0;
  for await (const chunk of source) {
    let at = 0;
    let filled = 0;
    while (at < chunk.length) {
      if (left > 0) {
        const end = Math.min(chunk.length, at + left);
        chunk.copyWithin(filled, at, end);
        filled += end - at;
        left -= end - at;
        at = end;
        continue;
      }
      header[headerLength++] = chunk[at++]!;
      if (headerLength < header.length) continue;
      left = new DataView(header.buffer).getUint32(4);
      headerLength = 0;
    }
    if (filled > 0) yield chunk.subarray(0, filled);
  }
  if (left > 0 || headerLength > 0) throw new Error("the stream ended inside a frame");
}

/** Passes over the first `count` bytes. */
export async function* skipBytes(
  source: AsyncIterable<Uint8Array>,
  count: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = count;
  for await (const chunk of source) {
    const skipped = Math.min(left, chunk.length);
    left -= skipped;
    if (skipped < chunk.length) yield chunk.subarray(skipped);
  }
}
