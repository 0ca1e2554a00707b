const SLASH = Buffer.from("/");

/** Paths as bytes, as file systems have them: a name need not be UTF-8. */
export function joinBytes(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, SLASH, name]);
}
