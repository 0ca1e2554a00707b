/** One entry of a tar: names and link targets are bytes, as file systems have them. */
export interface TarHeader {
  type: "file" | "directory" | "symlink";
  /** Relative; a directory's ends in `/`. */
  name: Buffer;
  mode: number;
  /** 0 unless it is a file. */
  sizeBytes: number;
  mtimeMs: number;
  linkTarget?: Buffer;
}

const BLOCK = 512;
const NAME_BYTES = 100;
const TYPE_FLAGS = { file: "0", symlink: "2", directory: "5" } as const;

/** The two empty blocks that end an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

/**
 * The header blocks of an entry in the GNU format, owner root; its content and `tarPadding` follow. Unlike PAX, GNU's long
 * names may hold any bytes. https://www.gnu.org/software/tar/manual/html_node/Standard.html
 */
export function tarHeader({ type, name, mode, sizeBytes, mtimeMs, linkTarget }: TarHeader): Buffer {
  const target = linkTarget ?? Buffer.alloc(0);
  return Buffer.concat([
    ...(target.length > NAME_BYTES ? longEntry("K", target) : []),
    ...(name.length > NAME_BYTES ? longEntry("L", name) : []),
    block({ flag: TYPE_FLAGS[type], name, mode, sizeBytes, mtimeMs, target }),
  ]);
}

/** What fills the last block of a content of this size. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK - (sizeBytes % BLOCK)) % BLOCK);
}

/** An entry that carries the whole name (`L`) or link target (`K`) of the next. */
function longEntry(flag: "L" | "K", text: Buffer): Buffer[] {
  const sizeBytes = text.length + 1;
  const name = Buffer.from("././@LongLink");
  const target = Buffer.alloc(0);
  const head = block({ flag, name, mode: 0, sizeBytes, mtimeMs: 0, target });
  return [head, text, Buffer.alloc(1), tarPadding(sizeBytes)];
}

function block(entry: {
  flag: string;
  name: Buffer;
  mode: number;
  sizeBytes: number;
  mtimeMs: number;
  target: Buffer;
}): Buffer {
  const head = Buffer.alloc(BLOCK);
  entry.name.copy(head, 0, 0, NAME_BYTES);
  writeNumber(head, 100, 8, entry.mode);
  writeNumber(head, 108, 8, 0);
  writeNumber(head, 116, 8, 0);
  writeNumber(head, 124, 12, entry.sizeBytes);
  writeNumber(head, 136, 12, Math.max(0, Math.floor(entry.mtimeMs / 1_000)));
  head.write(" ".repeat(8), 148, "latin1");
  head.write(entry.flag, 156, "latin1");
  entry.target.copy(head, 157, 0, NAME_BYTES);
  head.write("ustar  \0", 257, "latin1");
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return head;
}

/** Octal digits and a NUL; what does not fit in binary, marked by the first bit. */
function writeNumber(head: Buffer, at: number, width: number, value: number): void {
  const digits = value.toString(8);
  if (digits.length < width) {
    head.write(digits.padStart(width - 1, "0"), at, "latin1");
    return;
  }
  head.writeBigUInt64BE(BigInt(value), at + width - 8);
  head[at] = 0x80;
}
