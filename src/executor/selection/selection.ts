import type { FileSelection } from "../../run/executor.ts";

/**
 * Which workspace files the patterns of `artifacts:paths` and `artifacts:exclude` name. Paths are relative to the
 * workspace and `/`-separated. `*`, `?`, `[…]` and `{a,b}` stay inside one path segment, `**` crosses them; a pattern that
 * names a directory means everything below it. Matching takes time linear in the path (Bun.Glob does not backtrack).
 */
export interface Selection {
  /** The parts of the workspace that can hold matches, none inside another; "" is the whole workspace. */
  readonly roots: string[];
  accept(path: string): boolean;
  /** The patterns, as written, that no path given to `accept` has matched so far. */
  unmatched(): string[];
}

interface Pattern {
  written: string;
  root: string;
  matches: (path: string) => boolean;
}

/** `projectDir`: absolute patterns below it are understood as well; other absolute ones and those with `..` match nothing. */
export function selectFiles(selection: FileSelection, projectDir: string): Selection {
  const { isUntracked } = selection;
  const included = selection.paths.flatMap((written) => parsePattern(written, projectDir) ?? []);
  const excluded = selection.exclude.flatMap((written) => parsePattern(written, projectDir) ?? []);
  const missing = new Set(selection.paths);
  return {
    roots: outermost([
      ...included.map((pattern) => pattern.root),
      ...(isUntracked === undefined ? [] : [""]),
    ]),
    accept(path) {
      const hits = included.filter((pattern) => pattern.matches(path));
      for (const hit of hits) missing.delete(hit.written);
      const isMeant = hits.length > 0 || isUntracked?.(path) === true;
      return isMeant && !excluded.some((pattern) => pattern.matches(path));
    },
    unmatched: () => selection.paths.filter((written) => missing.has(written)),
  };
}

function parsePattern(written: string, projectDir: string): Pattern | undefined {
  let text = written.trim();
  if (text === projectDir || text.startsWith(`${projectDir}/`)) text = text.slice(projectDir.length + 1);
  else if (text.startsWith("/")) return undefined;
  const segments = text.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..") || written.trim() === "") return undefined;

  const wild = segments.findIndex((segment) => /[*?[\]{}\\!]/.test(segment));
  if (wild === -1) {
    const path = segments.join("/");
    return { written, root: path, matches: (candidate) => isInside(candidate, path) };
  }
  // To Bun.Glob a "!" in front means everything else; here it is a letter of the name.
  const glob = new Bun.Glob(segments.join("/").replace(/^!/, "\\!"));
  return {
    written,
    root: segments.slice(0, wild).join("/"),
    matches: (candidate) => selfAndParents(candidate).some((path) => glob.match(path)),
  };
}

function isInside(path: string, directory: string): boolean {
  return directory === "" || path === directory || path.startsWith(`${directory}/`);
}

function selfAndParents(path: string): string[] {
  const segments = path.split("/");
  return segments.map((_, index) => segments.slice(0, index + 1).join("/"));
}

function outermost(paths: string[]): string[] {
  const unique = [...new Set(paths)];
  return unique.filter((path) => !unique.some((other) => other !== path && isInside(path, other)));
}
