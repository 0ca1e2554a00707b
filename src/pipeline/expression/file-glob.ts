import { type Glob, matchesGlob } from "../glob.ts";

/**
 * Patterns of `changes` and `exists`, as Ruby's fnmatch reads them for GitLab: `*` and `?` stand for text without `/`, `**` and a
 * slash for any directories or none, `[a-z]` and `[^a-z]` for one character, `{a,b}` for one of these, `\` takes away a
 * character's meaning; files that begin with a dot are as others. Not the dialect of `on:`.
 * https://docs.ruby-lang.org/en/master/File.html#method-c-fnmatch
 */
export function compileFileGlob(pattern: string): (path: string) => boolean {
  if (!/[*?[{\\]/.test(pattern)) return (path) => path === pattern;
  const globs = alternatives(pattern).map(toGlob);
  return (path) => globs.some((glob) => matchesGlob(glob, path));
}

const MAX_ALTERNATIVES = 256;

/** Every text that the braces of a pattern stand for; a brace that does not end is a character. */
function alternatives(pattern: string): string[] {
  const finished: string[] = [];
  const open = [pattern];
  for (let text = open.pop(); text !== undefined; text = open.pop()) {
    const braces = findBraces(text);
    if (braces === undefined || finished.length + open.length + braces.parts.length > MAX_ALTERNATIVES)
      finished.push(text);
    else {
      const { before, parts, after } = braces;
      open.push(...parts.map((part) => before + part + after));
    }
  }
  return finished;
}

/** The first pair of braces with what stands between its own commas. */
function findBraces(text: string): { before: string; parts: string[]; after: string } | undefined {
  let start = -1;
  let depth = 0;
  let cuts: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "\\") at++;
    else if (character === "{") {
      if (depth++ === 0) [start, cuts] = [at, [at]];
    } else if (character === "," && depth === 1) cuts.push(at);
    else if (character === "}" && depth > 0 && --depth === 0) {
      cuts.push(at);
      const parts = cuts.slice(1).map((cut, index) => text.slice(cuts[index]! + 1, cut));
      return { before: text.slice(0, start), parts, after: text.slice(at + 1) };
    }
  }
  return undefined;
}

type Step = Glob["steps"][number];

const one = (takes: Step["takes"]): Step => ({ takes, loops: false, skips: [] });
const any = (takes: Step["takes"]): Step => ({ takes, loops: true, skips: [1] });
const isNoSlash = (character: string) => character !== "/";

/** Either nothing, or any text and a slash. */
const DIRECTORIES: Step[] = [
  { takes: () => false, loops: false, skips: [1, 3] },
  any(() => true),
  one((character) => character === "/"),
];

function toGlob(pattern: string): Glob {
  const characters = [...pattern];
  const steps: Step[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    const set = character === "[" ? readSet(characters, at) : undefined;
    if (character === "*") {
      const startsSegment = at === 0 || characters[at - 1] === "/";
      if (startsSegment && characters[at + 1] === "*" && characters[at + 2] === "/") {
        steps.push(...DIRECTORIES);
        at += 2;
      } else if (characters[at - 1] !== "*") steps.push(any(isNoSlash));
    } else if (character === "?") steps.push(one(isNoSlash));
    else if (set !== undefined) {
      steps.push(one(set.takes));
      at = set.end;
    } else {
      if (character === "\\" && at + 1 < characters.length) at++;
      const literal = characters[at];
      steps.push(one((other) => other === literal));
    }
  }
  return { steps };
}

/** `[...]` at `start`, its last character at `end`. Undefined: it does not end, and is a character. */
function readSet(
  characters: string[],
  start: number,
): { takes: (character: string) => boolean; end: number } | undefined {
  const isNegated = characters[start + 1] === "^" || characters[start + 1] === "!";
  const from = start + (isNegated ? 2 : 1);
  const end = characters.indexOf("]", from + 1);
  if (end === -1) return undefined;
  const ranges: [string, string][] = [];
  for (let at = from; at < end; at++) {
    const isRange = characters[at + 1] === "-" && at + 2 < end;
    ranges.push([characters[at]!, characters[isRange ? at + 2 : at]!]);
    if (isRange) at += 2;
  }
  const holds = (character: string) => ranges.some(([low, high]) => low <= character && character <= high);
  return { takes: (character) => character !== "/" && holds(character) !== isNegated, end };
}
