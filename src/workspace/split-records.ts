/** Records of a byte stream, each ended by `separator`, one character per byte. */
export async function* splitRecords(
  bytes: AsyncIterable<Uint8Array>,
  separator: "\n" | "\0",
): AsyncGenerator<string, void, undefined> {
  let rest = "";
  for await (const chunk of bytes) {
    const parts = (rest + Buffer.from(chunk).toString("latin1")).split(separator);
    rest = parts.pop()!;
    yield* parts;
  }
  if (rest !== "") yield rest;
}
