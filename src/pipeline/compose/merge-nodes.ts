import type { Entry, MapNode, Node } from "../node.ts";

/** Entries of a mapping and of the mappings in it: what a merge may have to copy. */
export function countEntries({ entries }: MapNode): number {
  let count = entries.size;
  for (const { value } of entries.values()) if (value.kind === "map") count += countEntries(value);
  return count;
}

/**
 * `over` laid over `under`: mappings merge key by key, everything else is replaced. Entries keep their places; the mapping has
 * that of `over`. Neither is changed. `nulls`: what an empty value of `over` does to a key of `under`: takes it away, or replaces
 * its value.
 */
export function mergeMaps(under: MapNode, over: MapNode, nulls: "remove" | "replace"): MapNode {
  const entries = new Map(under.entries);
  for (const [key, entry] of over.entries) {
    const below = under.entries.get(key);
    if (below === undefined) entries.set(key, entry);
    else if (nulls === "remove" && isNull(entry.value)) entries.delete(key);
    else entries.set(key, mergeEntry(below, entry, nulls));
  }
  return { kind: "map", span: over.span, entries };
}

function mergeEntry(below: Entry, entry: Entry, nulls: "remove" | "replace"): Entry {
  if (below.value.kind !== "map" || entry.value.kind !== "map") return entry;
  return { keySpan: entry.keySpan, value: mergeMaps(below.value, entry.value, nulls) };
}

function isNull(node: Node): boolean {
  return node.kind === "scalar" && node.value === null;
}
