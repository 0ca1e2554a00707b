import { readYamlFile } from "../../src/pipeline/document.ts";
import { frontOf } from "../../src/pipeline/front/front.ts";
import type { Node } from "../../src/pipeline/node.ts";
import type { Form } from "../../src/pipeline/pipeline.ts";
import type { Shape } from "../../src/pipeline/shape.ts";
import { Report } from "../../src/pipeline/source.ts";

/** Where a key of the language stands in a text: offsets, from the key to the end of its value. */
export interface KeywordPlace {
  /** With the mapping that it stands in: `jobs.needs.optional`. A mapping that stands in several places has one name. */
  keyword: string;
  start: number;
  end: number;
}

/** No key of the language, so that it is one of the user's, where there may be such. */
const ANY = "any_name";

/** Mappings by their lists of keys, which a shape hands on to those that wrap it. */
const NAMES = new Map<readonly string[], string>();
const KEYWORDS = { native: nameMappings("native"), gitlab: nameMappings("gitlab") };

/** All keys that a file of this form may hold. */
export function keywordsOf(form: Form): string[] {
  return [...KEYWORDS[form]].sort();
}

/** Every key of the language in a file of this form, whatever else is wrong with it; none where it is no YAML. */
export function keywordPlaces(text: string, form: Form): KeywordPlace[] {
  const source = { file: "x.yml", text, lastKeyCounts: form === "gitlab" };
  const root = readYamlFile(source, new Report())?.root;
  const places: KeywordPlace[] = [];
  if (root !== undefined) collect(root, frontOf(form).shape, places);
  return places;
}

function collect(node: Node, shape: Shape<unknown>, places: KeywordPlace[]): void {
  if (node.kind === "list") for (const item of node.items) collect(item, shape.item ?? shape, places);
  if (node.kind !== "map") return;
  for (const [key, { keySpan, value }] of node.entries) {
    if (keysOf(shape).includes(key))
      places.push({ keyword: joined(nameOf(shape), key), start: keySpan.start, end: value.span.end });
    const below = shape.child?.(key);
    if (below !== undefined) collect(value, below, places);
  }
}

/** Breadth first, so that a mapping is named by the place highest up, of equal ones by that in a job. Answers all keywords. */
function nameMappings(form: Form): Set<string> {
  const found = new Set<string>();
  const seen = new Set<readonly string[]>();
  const below: [name: string, shape: Shape<unknown>][] = [["", frontOf(form).shape]];
  for (const [name, shape] of below) {
    const { keys } = shape;
    if (keys !== undefined && seen.has(keys)) continue;
    if (keys !== undefined) {
      seen.add(keys);
      if (!NAMES.has(keys)) NAMES.set(keys, name);
    }
    for (const key of keysOf(shape)) found.add(joined(nameOf(shape), key));
    for (const key of [ANY, ...keysOf(shape)].sort((a, b) => rank(a) - rank(b))) {
      const child = shape.child?.(key);
      if (child !== undefined) below.push([key === ANY ? "jobs" : joined(name, key), mappingOf(child)]);
    }
  }
  return found;
}

/** What stands in a list, or below names that the user chooses. */
function mappingOf(shape: Shape<unknown>): Shape<unknown> {
  const below = shape.item ?? (shape.keys === undefined ? shape.child?.(ANY) : undefined);
  return below === undefined ? shape : mappingOf(below);
}

function rank(key: string): number {
  return key === "jobs" || key === ANY ? 0 : 1;
}

function keysOf({ keys, ownKeys }: Shape<unknown>): string[] {
  return [...(keys ?? ownKeys ?? [])];
}

function nameOf({ keys }: Shape<unknown>): string {
  return (keys && NAMES.get(keys)) ?? "";
}

function joined(name: string, key: string): string {
  return name === "" ? key : `${name}.${key}`;
}
