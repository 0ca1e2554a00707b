import { type Extract, extract, type Header } from "tar-stream";
import { CicdError, messageOf } from "../errors/cicd-error.ts";
import { cleanEntryPath, refused } from "./entry-path.ts";

/** An entry that may be unpacked, if its name and target pass too. `content` must be read before the next is asked for. */
export type TarEntry =
  | { kind: "directory"; path: string }
  | {
      kind: "file";
      path: string;
      executable: boolean;
      sizeBytes: number;
      mtimeMs: number;
      content: AsyncIterable<Uint8Array>;
    }
  | { kind: "link"; path: string; target: string }
  | { kind: "hardlink"; path: string; source: string }
  | { kind: "special"; path: string; type: string };

export interface TarSelection {
  toPath: (entryName: string) => string;
  accept: (path: string) => boolean;
  /** Called for each entry, accepted or not; throws when there are too many. */
  count: () => void;
}

/**
 * The accepted entries of an uncompressed tar stream (ustar, PAX, GNU long names), in its order. Throws ARCHIVE_REFUSED for
 * an unsafe path anywhere, for accepted sparse files, and for a broken or cut-off archive; what the stream itself throws passes unchanged.
 */
export async function* readTar(
  tar: AsyncIterable<Uint8Array>,
  selection: TarSelection,
): AsyncGenerator<TarEntry, void, undefined> {
  const parser = extract();
  const pump = new Pump(tar, parser);
  try {
    for await (const entry of parser) {
      selection.count();
      const path = cleanEntryPath(selection.toPath(entry.header.name));
      if (path !== "" && selection.accept(path)) yield toEntry(path, entry, selection.toPath, pump);
      entry.resume();
    }
    await pump.done;
  } catch (error) {
    throw pump.causeOf(error);
  } finally {
    parser.destroy(null);
  }
}

/** What the parser yields: the entry's bytes as a stream, with its header. */
type Entry = Extract extends AsyncIterable<infer Source> ? Source : never;

function toEntry(path: string, entry: Entry, toPath: (name: string) => string, pump: Pump): TarEntry {
  const { header } = entry;
  const type: string | null | undefined = header.type;
  switch (type) {
    case "directory":
      return { kind: "directory", path };
    case "symlink":
      return { kind: "link", path, target: header.linkname ?? "" };
    case "link":
      return { kind: "hardlink", path, source: cleanEntryPath(toPath(header.linkname ?? "")) };
    case "file":
    case "contiguous-file":
      return {
        kind: "file",
        path,
        ...fileFacts(path, header),
        content: readContent(entry, pump),
      };
    default:
      return { kind: "special", path, type: type ?? "entry of unknown kind" };
  }
}

/** The bytes of one file, all of them or an error. */
async function* readContent(entry: Entry, pump: Pump): AsyncGenerator<Uint8Array> {
  let left = entry.header.size;
  try {
    for await (const chunk of entry as unknown as AsyncIterable<Uint8Array>) {
      left -= chunk.length;
      yield chunk;
    }
    if (left !== 0) throw new Error("it ends inside a file");
  } catch (error) {
    throw pump.causeOf(error);
  }
}

function fileFacts(
  path: string,
  header: Header,
): { executable: boolean; sizeBytes: number; mtimeMs: number } {
  const pax: object = header.pax ?? {};
  if (Object.keys(pax).some((key) => key.startsWith("GNU.sparse.")))
    throw refused(path, "it is a sparse file");
  return {
    executable: ((header.mode ?? 0) & 0o111) !== 0,
    sizeBytes: header.size ?? 0,
    mtimeMs: header.mtime?.getTime() ?? 0,
  };
}

/** Feeds a stream into the parser with back-pressure, until either ends. */
class Pump {
  /** What reading the stream threw, if it did. */
  sourceError: unknown;
  readonly done: Promise<void>;

  constructor(source: AsyncIterable<Uint8Array>, parser: Extract) {
    this.done = this.feed(source, parser);
    this.done.catch(() => {});
  }

  /** What to throw for an error of the parser: the stream's own error, if that came first. */
  causeOf(error: unknown): unknown {
    if (this.sourceError !== undefined) return this.sourceError;
    if (error instanceof CicdError) return error;
    return new CicdError("ARCHIVE_REFUSED", `The archive is damaged: ${messageOf(error)}.`, { cause: error });
  }

  private async feed(source: AsyncIterable<Uint8Array>, parser: Extract): Promise<void> {
    try {
      for await (const chunk of source) {
        if (parser.destroyed) return;
        if (chunk.length > 0 && !parser.write(chunk)) await drained(parser);
      }
    } catch (error) {
      this.sourceError = error;
      parser.destroy(null);
      throw error;
    }
    parser.end(null);
  }
}

function drained(parser: Extract): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      parser.off("drain", settle);
      parser.off("close", settle);
      resolve();
    };
    parser.on("drain", settle);
    parser.on("close", settle);
    if (parser.destroyed) settle();
  });
}
