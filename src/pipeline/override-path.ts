import type { MapNode } from "./node.ts";
import type { Shape } from "./shape.ts";

/** A part of a path between dots. `start`, `end`: where it stands in the path, quotes included. */
export interface Segment {
  text: string;
  start: number;
  end: number;
}

/** Splits `jobs."a.b".timeout` at the dots outside quotes; undefined where a part is empty or a quote not closed. */
export function parsePath(path: string): Segment[] | undefined {
  const segments: Segment[] = [];
  const part = /"([^"]+)"|([^".]+)/y;
  for (let at = 0; ; at++) {
    part.lastIndex = at;
    const match = part.exec(path);
    if (match === null) return undefined;
    segments.push({ text: match[1] ?? match[2]!, start: at, end: part.lastIndex });
    at = part.lastIndex;
    if (at === path.length) return segments;
    if (path[at] !== ".") return undefined;
  }
}

/**
 * The key that the path means next. Where keys are the user's (`jobs`), as many parts as possible are taken together, so
 * that names with dots need no quotes; a name that the mapping lacks is new only where it leads to a plain value.
 */
export function findKey(
  segments: Segment[],
  at: number,
  map: MapNode,
  shape: Shape<unknown>,
): { key: string; next: number } | undefined {
  const { text } = segments[at]!;
  if (shape.keys !== undefined)
    return shape.child!(text) === undefined ? undefined : { key: text, next: at + 1 };
  for (let next = segments.length; next > at; next--) {
    const key = segments
      .slice(at, next)
      .map((segment) => segment.text)
      .join(".");
    if (map.entries.has(key)) return { key, next };
  }
  if (shape.ownKeys?.has(text)) return { key: text, next: at + 1 };
  const below = shape.child!(text);
  return below !== undefined && takesPlainValue(below, segments[at]!) && at + 1 === segments.length
    ? { key: text, next: at + 1 }
    : undefined;
}

function takesPlainValue(shape: Shape<unknown>, { text, start, end }: Segment): boolean {
  const span = { source: { file: "", text }, start, end };
  return shape.child === undefined || shape.accepts({ kind: "scalar", span, value: text, written: text });
}
