import { CicdError } from "../errors/cicd-error.ts";

/**
 * The clean form of an entry's path, relative to the workspace, `/`-separated; `""` is the workspace itself. Throws
 * ARCHIVE_REFUSED for absolute paths, `..` and zero bytes.
 */
export function cleanEntryPath(raw: string): string {
  if (raw.includes("\0")) throw refused(raw, "its name has a zero byte");
  if (raw.startsWith("/")) throw refused(raw, "its path is absolute");
  const parts = raw.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw refused(raw, "its path leads upwards");
  return parts.join("/");
}

/** Throws EntryLeftOut for what a path of an accepted entry may not be: too long, or not UTF-8. */
export function checkEntryName(path: string, maxPathBytes: number): void {
  if (path.includes("\ufffd")) throw new EntryLeftOut(path, "its name is not UTF-8");
  if (Buffer.byteLength(path) > maxPathBytes)
    throw new EntryLeftOut(path.slice(0, 200), `its path is longer than ${maxPathBytes} bytes`);
}

/**
 * An entry that has no place in a layer while the rest of its archive is fine: a link out of the workspace, a device.
 * Thrown and caught in this room; the user is told.
 */
export class EntryLeftOut extends Error {
  readonly path: string;
  readonly why: string;

  constructor(path: string, why: string) {
    super(`${path}: ${why}`);
    this.path = path;
    this.why = why;
  }
}

/**
 * Throws EntryLeftOut for a link that could lead out of the workspace. `..` may only stand at the beginning, where the
 * directories above are known to be real ones; after a name it could be taken from wherever another link leads.
 */
export function checkLinkTarget(path: string, target: string): void {
  checkLinkText(path, target);
  if (target.startsWith("/")) throw new EntryLeftOut(path, `it is a link to the absolute path ${target}`);
  const parts = target.split("/").filter((part) => part !== "" && part !== ".");
  const ups = parts.findIndex((part) => part !== "..");
  const leading = ups < 0 ? parts.length : ups;
  if (parts.slice(leading).includes(".."))
    throw new EntryLeftOut(path, `its link target ${target} has .. after a name`);
  if (leading > path.split("/").length - 1)
    throw new EntryLeftOut(path, `it is a link out of the workspace (${target})`);
}

/** Throws EntryLeftOut for what no link can hold, wherever it leads. */
export function checkLinkText(path: string, target: string): void {
  if (target === "" || target.includes("\0")) throw new EntryLeftOut(path, "it is a link to nothing");
  if (target.includes("\ufffd")) throw new EntryLeftOut(path, "its link target is not UTF-8");
}

/** The error for an entry that is not unpacked. */
export function refused(path: string, why: string): CicdError {
  return new CicdError("ARCHIVE_REFUSED", `${JSON.stringify(path.slice(0, 200))} is refused: ${why}.`);
}
