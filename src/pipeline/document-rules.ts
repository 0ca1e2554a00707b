import type { Entry } from "./node.ts";
import { positionOf, type Report, type Span } from "./source.ts";

/** What both readers of YAML hold a document to. */
export const MAX_DEPTH = 64;
export const MAX_ALIASES = 100;
/** Nodes that aliases may add, counted as if each were written out. */
export const MAX_ALIASED_NODES = 100_000;

const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"]);

export function reportTooDeep(span: Span, report: Report): undefined {
  const message = `nested deeper than ${MAX_DEPTH} levels`;
  return report.error("CONFIG_TOO_DEEP", span, message, "no keyword needs that: flatten it");
}

export function reportTooManyAliases(span: Span, report: Report): undefined {
  const message = `more than ${MAX_ALIASES} aliases`;
  return report.error("CONFIG_TOO_MANY_ALIASES", span, message, 'put what jobs share under "default:"');
}

/** Whether the key is one of those that can poison an object; then it is reported. */
export function isForbiddenKey(key: string, span: Span, report: Report): boolean {
  if (!FORBIDDEN_KEYS.has(key)) return false;
  report.error("CONFIG_FORBIDDEN_KEY", span, `the key "${key}" is never allowed`, "choose another name");
  return true;
}

/** Says that a key of a mapping stands twice. Returns whether the later one counts nevertheless. */
export function laterCounts(key: string, span: Span, earlier: Entry, report: Report): boolean {
  const { line } = positionOf(span.source, earlier.keySpan.start);
  const shown = key.length > 80 ? `${key.slice(0, 80)}…` : key;
  const hint = `the first is on line ${line}`;
  if (span.source.lastKeyCounts !== true) {
    report.error("CONFIG_DUPLICATE_KEY", span, `"${shown}" stands here twice`, hint);
    return false;
  }
  const message = `"${shown}" stands here twice; the last one counts, as in GitLab`;
  report.warning("GITLAB_DUPLICATE_KEY", span, message, hint);
  return true;
}
