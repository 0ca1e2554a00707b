import { type Glob, matchesGlob, parseGlob } from "../pipeline/glob.ts";
import type { NameFilter } from "../pipeline/pipeline.ts";

export type Matcher = (name: string) => boolean;

/** Whether a name passes: one of `only` fits last, none of `ignored` fits. */
export function toMatcher({ only, ignored }: NameFilter): Matcher {
  const wanted = only === null ? () => true : lastOf(only);
  const unwanted = ignored === null ? () => false : lastOf(ignored);
  return (name) => wanted(name) && !unwanted(name);
}

/** The last pattern that fits decides; one with `!` takes away again. Patterns were checked when they were read. */
function lastOf(patterns: string[]): Matcher {
  const rules = patterns.flatMap((pattern): { glob: Glob; takes: boolean }[] => {
    const takes = !pattern.startsWith("!");
    const { glob } = parseGlob(takes ? pattern : pattern.slice(1));
    return glob === undefined ? [] : [{ glob, takes }];
  });
  rules.reverse();
  return (name) => rules.find(({ glob }) => matchesGlob(glob, name))?.takes ?? false;
}
