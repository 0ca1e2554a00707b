import type { TextProblem } from "./names.ts";

/**
 * Patterns of branches, tags and paths as GitHub Actions writes them: `*` is any text without `/`, `**` any text, `?` makes the
 * character before it optional, `+` repeats it, `[a-z0-9]` is one of these characters, `\` takes away a character's meaning.
 * A `**` alone between slashes also stands for no directory at all.
 * https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet
 */
export interface Glob {
  steps: Step[];
}

/** One state of an automaton. `loops`: it may take any number of characters. `skips`: how many steps further one is for free. */
interface Step {
  takes: (character: string) => boolean;
  loops: boolean;
  skips: number[];
}

export const MAX_PATTERN_LENGTH = 255;

type Parsed = { glob: Glob; problem?: never } | { glob?: never; problem: TextProblem };

/** Without a leading `!`. What is wrong with it comes back as a problem. */
export function parseGlob(pattern: string): Parsed {
  const steps: Step[] = [];
  const characters = [...pattern];
  for (let at = 0; at < characters.length; ) {
    const character = characters[at]!;
    if (character === "*") {
      const length = runOf(characters, at);
      const isAlone = length === 2 && characters[at + 2] === "/" && (at === 0 || characters[at - 1] === "/");
      steps.push(...(isAlone ? DIRECTORIES : [anyNumberOf(length === 1 ? isNoSlash : isAnything)]));
      at += isAlone ? 3 : length;
    } else if (character === "?" || character === "+") {
      const last = steps.at(-1);
      if (last === undefined || last.skips.length > 0 || isRepeat(characters[at - 1], characters[at - 2])) {
        return wrongRepeat(pattern, character);
      }
      if (character === "?") steps[steps.length - 1] = { ...last, skips: [1] };
      else steps.push(anyNumberOf(last.takes));
      at++;
    } else if (character === "[") {
      const end = characters.indexOf("]", at + 2);
      const set = end === -1 ? undefined : parseSet(characters.slice(at + 1, end));
      if (set === undefined) return wrongSet(pattern);
      steps.push(one(set));
      at = end + 1;
    } else {
      const literal = character === "\\" ? characters[at + 1] : character;
      if (literal === undefined) {
        return {
          problem: { message: `the pattern "${pattern}" ends with "\\"`, hint: "remove it, or double it" },
        };
      }
      steps.push(one((other) => other === literal));
      at += character === "\\" ? 2 : 1;
    }
  }
  return { glob: { steps } };
}

const isAnything = () => true;
const isNoSlash = (character: string) => character !== "/";
const one = (takes: Step["takes"]): Step => ({ takes, loops: false, skips: [] });
const anyNumberOf = (takes: Step["takes"]): Step => ({ takes, loops: true, skips: [1] });

/** Either nothing, or any text and a slash. */
const DIRECTORIES: Step[] = [
  { takes: () => false, loops: false, skips: [1, 3] },
  anyNumberOf(isAnything),
  one((character) => character === "/"),
];

/** A `?` or `+` that repeats already (one after a backslash is a character). */
function isRepeat(last: string | undefined, beforeLast: string | undefined): boolean {
  return (last === "?" || last === "+") && beforeLast !== "\\";
}

/** How many `*` stand here: more than two are as two. */
function runOf(characters: string[], at: number): number {
  let end = at;
  while (characters[end] === "*") end++;
  return end - at;
}

/** Ranges and single characters; undefined where there is none, or a range runs backwards. */
function parseSet(body: string[]): ((character: string) => boolean) | undefined {
  const ranges: [string, string][] = [];
  for (let at = 0; at < body.length; at++) {
    const from = body[at]!;
    const to = body[at + 1] === "-" ? body[at + 2] : undefined;
    if (to !== undefined && to < from) return undefined;
    ranges.push([from, to ?? from]);
    if (to !== undefined) at += 2;
  }
  if (ranges.length === 0 || body[0] === "^" || body[0] === "!") return undefined;
  return (character) => ranges.some(([from, to]) => from <= character && character <= to);
}

function wrongRepeat(pattern: string, character: string): { problem: TextProblem } {
  const meaning = character === "?" ? "optional" : "repeated";
  return {
    problem: {
      message: `in the pattern "${pattern}" the "${character}" follows nothing that could be ${meaning}`,
      hint: `it stands after one character or [set]; for a plain "${character}" write "\\${character}"`,
    },
  };
}

function wrongSet(pattern: string): { problem: TextProblem } {
  return {
    problem: {
      message: `the pattern "${pattern}" has a "[" without a set such as [a-z0-9]`,
      hint: 'close it with "]"; for a plain "[" write "\\["',
    },
  };
}

/** All of the text. Time grows with the product of both lengths, whatever the pattern. */
export function matchesGlob({ steps }: Glob, text: string): boolean {
  /** Of each state, in which round it was last reached: 0 is before the first character. */
  const seen = new Int32Array(steps.length + 1).fill(-1);
  let reached: number[] = [];
  reach(0, 0, steps, seen, reached);
  let round = 0;
  for (const character of text) {
    round++;
    const next: number[] = [];
    for (const at of reached) {
      const step = steps[at];
      if (step?.takes(character)) reach(step.loops ? at : at + 1, round, steps, seen, next);
    }
    if (next.length === 0) return false;
    reached = next;
  }
  return seen[steps.length] === round;
}

function reach(at: number, round: number, steps: Step[], seen: Int32Array, reached: number[]): void {
  if (seen[at] === round) return;
  seen[at] = round;
  reached.push(at);
  const skips = steps[at]?.skips;
  if (skips !== undefined) for (const skip of skips) reach(at + skip, round, steps, seen, reached);
}
