import type { Variable, Variables } from "../pipeline/pipeline.ts";

/** Values that would grow beyond this stay as they are written: an environment cannot carry more. */
const MAX_EXPANDED_LENGTH = 128 * 1024;
/** References behind references, counted along one chain. */
const MAX_CHAIN = 100;

const REFERENCE = /\$(?:\$|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})/g;

/** Replaces `$NAME` and `${NAME}` by `lookup(name)`, or leaves them where that is undefined, and `$$` by `$`. */
export function expandReferences(text: string, lookup: (name: string) => string | undefined): string {
  if (!text.includes("$")) return text;
  return text.replace(REFERENCE, (written, plain?: string, braced?: string) => {
    const name = plain ?? braced;
    return name === undefined ? "$" : (lookup(name) ?? written);
  });
}

/** Puts values in place of references to them, so that they are what expanding the text gives; all else is left as it is written. */
export function insertValues(text: string, values: Record<string, string>): string {
  return text.replace(REFERENCE, (written, plain?: string, braced?: string) => {
    const name = plain ?? braced;
    if (name === undefined || !Object.hasOwn(values, name)) return written;
    return values[name]!.replaceAll("$", "$$$$");
  });
}

/**
 * Expands references in `values` to each other and to `fixed`, whose own values are taken as they are, as are those of `values`
 * that are not to be expanded. A reference that
 * leads back to itself stays as it is written. `unknown`: what a name in neither becomes; as in GitLab that is nothing
 * when a job runs.
 */
export function expandVariables(
  values: Variables,
  fixed: Record<string, string>,
  unknown: "empty" | "kept" = "empty",
): Record<string, string> {
  const expanded = expandOnDemand(
    (name) => (Object.hasOwn(values, name) ? values[name] : undefined),
    fixed,
    unknown,
  );
  return Object.fromEntries(Object.keys(values).map((name) => [name, expanded(name)!]));
}

/** The same of values that are looked up when something refers to them. */
export function expandOnDemand(
  variableOf: (name: string) => Variable | undefined,
  fixed: Readonly<Record<string, string>>,
  unknown: "empty" | "kept",
): (name: string) => string | undefined {
  const finished = new Map<string, string>();
  const open = new Set<string>();

  function expandedValue(name: string): string | undefined {
    const known = finished.get(name);
    if (known !== undefined) return known;
    const variable = variableOf(name);
    if (variable === undefined)
      return Object.hasOwn(fixed, name) ? fixed[name] : unknown === "empty" ? "" : undefined;
    if (typeof variable !== "string" && !variable.expand) return variable.value;
    if (open.has(name) || open.size >= MAX_CHAIN) return undefined;
    open.add(name);
    const expanded = expandWithin(typeof variable === "string" ? variable : variable.value);
    open.delete(name);
    finished.set(name, expanded);
    return expanded;
  }

  function expandWithin(text: string): string {
    let length = text.length;
    const expanded = expandReferences(text, (name) => {
      const value = length > MAX_EXPANDED_LENGTH ? undefined : expandedValue(name);
      length += value?.length ?? 0;
      return value;
    });
    return length > MAX_EXPANDED_LENGTH ? text : expanded;
  }

  return expandedValue;
}
