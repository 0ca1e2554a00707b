export interface Place {
  file: string;
  /** From 1. */
  line: number | null;
}

const MAX_PATH = 300;
const MAX_CANDIDATES = 500;

/** What an attribute says. Undefined: a file outside of the workspace. */
export function placeOf(file: string, line: string | undefined, projectDir: string): Place | undefined {
  const inside = insideOf(file.trim(), projectDir);
  const number = Number(line);
  if (inside === undefined) return undefined;
  return { file: inside, line: Number.isInteger(number) && number > 0 ? number : null };
}

/**
 * The first place of a stack that is in the workspace: the class's own file before others. `file`: only a place in this one is
 * wanted.
 */
export function findPlace(
  text: string,
  wanted: { projectDir: string; className: string | null; file: string | undefined },
): Place | undefined {
  const places = candidates(text, wanted.projectDir);
  if (wanted.file !== undefined) return places.find(({ file }) => file === wanted.file);
  const classFile = wanted.className
    ?.split(/[.\\/:]/)
    .at(-1)
    ?.replace(/\$.*$/, "");
  const stemOf = (file: string) => /([^/]*)\.\w+$/.exec(file)?.[1];
  const ofClass = places.find(({ file }) => stemOf(file) === classFile);
  return ofClass ?? places.find(({ file }) => file.includes("/") || !JVM.test(file));
}

/** `path:12`, `path(12` and `File "path", line 12`. */
function candidates(text: string, projectDir: string): Place[] {
  const places: Place[] = [];
  const add = (path: string, line: string) => {
    const place = isSource(path) ? placeOf(path, line, projectDir) : undefined;
    if (place !== undefined && place.line !== null) places.push(place);
  };
  for (const written of text.split("\n")) {
    if (places.length >= MAX_CANDIDATES) break;
    const python = /File "([^"]{1,300})", line (\d{1,7})/.exec(written);
    if (python !== null) add(python[1]!, python[2]!);
    for (const token of written.split(/[\s"'`(){}[\]<>,;|]+/)) {
      const found = token.length > MAX_PATH + 20 ? null : /:(\d{1,7})/.exec(token);
      if (found !== null) add(token.slice(0, found.index), found[1]!);
      else if (token.startsWith("file://")) {
        const behind = /:(\d{1,7})/.exec(token.slice(7));
        if (behind !== null) add(token.slice(7, 7 + behind.index), behind[1]!);
      }
    }
  }
  return places;
}

function insideOf(path: string, projectDir: string): string | undefined {
  const plain = path.replaceAll("\\", "/");
  if (plain.startsWith(`${projectDir}/`)) return insideOf(plain.slice(projectDir.length + 1), projectDir);
  if (plain.startsWith("/") || /^[A-Za-z]:/.test(plain) || plain.length > MAX_PATH) return undefined;
  const segments = plain.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.length === 0 || segments.some((segment) => FOREIGN.has(segment))) return undefined;
  return segments.join("/");
}

/** Directories of what others wrote. */
const FOREIGN: ReadonlySet<string> = new Set([
  "..",
  "node_modules",
  "site-packages",
  "dist-packages",
  "vendor",
]);

const JVM = /\.(java|kt|kts|scala|groovy|clj)$/;

const SOURCE =
  /\.(js|jsx|mjs|cjs|ts|tsx|mts|cts|vue|svelte|py|rb|go|rs|java|kt|kts|scala|groovy|clj|cljs|c|cc|cpp|cxx|h|hh|hpp|hxx|m|mm|swift|cs|fs|vb|php|phpt|pl|pm|t|lua|sh|bash|bats|ex|exs|erl|hs|elm|ml|dart|r|jl|nim|zig|sql|feature|robot|f90|v|sv|vhd)$/i;

function isSource(path: string): boolean {
  return /^[\w./\\@+~-]+$/.test(path) && SOURCE.test(path);
}
