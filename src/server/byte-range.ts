import { RequestRefused } from "./problems.ts";

/** The bytes from `start` up to, not including, `end`. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * What a Range header asks for of something that is `size` bytes long (RFC 9110, 14.2). Undefined: the whole; so too where the
 * header is malformed, of another unit or of several ranges. Throws 416 where nothing of it is there.
 */
export function readRange(header: string | null, size: number): ByteRange | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? "");
  if (match === null) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return undefined;
  if (first === "") return satisfiable({ start: Math.max(0, size - Number(last)), end: size }, size);
  if (last !== "" && Number(last) < Number(first)) return undefined;
  const end = last === "" ? size : Math.min(size, Number(last) + 1);
  return satisfiable({ start: Number(first), end }, size);
}

function satisfiable(range: ByteRange, size: number): ByteRange {
  if (range.start < range.end) return range;
  throw new RequestRefused(416, "USAGE", `the range is outside of the ${size} bytes that there are`, {
    headers: { "content-range": `bytes */${size}` },
  });
}
