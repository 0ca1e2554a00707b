import type { LoadedFile } from "./run-request.ts";

/** As many of a file as are told of before a run; `check` shows all. */
const MOST = 10;

/** What was found in files that are fine otherwise, a sentence each: that a key has no effect here, say. */
export function fileWarnings(files: LoadedFile[]): string[] {
  return files.flatMap(({ diagnostics }) => {
    const found = diagnostics.filter(({ severity }) => severity === "warning");
    const told = found.slice(0, MOST).map(({ file, line, message }) => `${file}:${line}: ${message}`);
    const untold = found.length - told.length;
    return untold === 0 ? told : [...told, `and ${untold} more, which "cicd check" shows`];
  });
}
