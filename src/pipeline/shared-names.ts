import type { Diagnostic } from "./diagnostic.ts";
import type { ParseResult } from "./parse-pipeline.ts";
import { Report } from "./source.ts";

/**
 * Of files of one repository, in their order: a name that an earlier file has already is an error of the later one, since
 * runs are numbered and reported by the name of their pipeline.
 */
export function refuseSharedNames<F extends ParseResult & { file: string }>(files: F[]): F[] {
  const first = new Map<string, string>();
  return files.map((file) => {
    if (file.name === undefined) return file;
    const { value, span } = file.name;
    const earlier = first.get(value);
    if (earlier === undefined) {
      first.set(value, file.file);
      return file;
    }
    const report = new Report();
    const message = `the pipeline in ${earlier} has the name "${value}" already`;
    report.error("CONFIG_DUPLICATE_KEY", span, message, "give each pipeline a name of its own");
    const diagnostics = report.sorted([span.source]).reduce(insert, file.diagnostics);
    return { ...file, pipeline: undefined, diagnostics };
  });
}

/** Among those of the same file by position; behind all others. */
function insert(all: Diagnostic[], one: Diagnostic): Diagnostic[] {
  const isLater = (other: Diagnostic) =>
    other.file === one.file &&
    (other.line > one.line || (other.line === one.line && other.column > one.column));
  const at = all.findIndex(isLater);
  return at < 0 ? [...all, one] : all.toSpliced(at, 0, one);
}
