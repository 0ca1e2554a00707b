import type { Diagnostic, DiagnosticCode } from "./diagnostic.ts";
import type { Place } from "./pipeline.ts";

/** A text that nodes point into: the pipeline file, or an override as typed. `text` has no byte order mark. */
export interface Source {
  file: string;
  text: string;
  /** Of a mapping's keys that stand twice the last one counts. */
  lastKeyCounts?: boolean;
  /** Offset of the first character of each line, made when first asked for; and the index of the line asked for last. */
  lineStarts?: number[];
  lastLine?: number;
}

/** UTF-16 offsets into `source.text`, `end` excluded. */
export interface Span {
  source: Source;
  start: number;
  end: number;
}

/** Line and column, both from 1, of an offset. */
export function positionOf(source: Source, offset: number): { line: number; column: number } {
  source.lineStarts ??= findLineStarts(source.text);
  const starts = source.lineStarts;
  let [low, high] = lineBounds(starts, source.lastLine ?? 0, offset);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  source.lastLine = low;
  return { line: low + 1, column: offset - starts[low]! + 1 };
}

const NEAR = 16;

/** Between which lines an offset is: places are mostly asked for in their order, each a few lines below the last. */
function lineBounds(starts: number[], last: number, offset: number): [low: number, high: number] {
  const end = starts.length - 1;
  if (starts[last]! > offset) return [0, last];
  const near = Math.min(last + NEAR, end);
  return starts[near]! > offset ? [last, near] : [near, end];
}

/** Where a span begins. */
export function placeOf({ source, start }: Span): Place {
  return { file: source.file, ...positionOf(source, start) };
}

function findLineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

interface Problem {
  severity: Diagnostic["severity"];
  code: DiagnosticCode;
  span: Span;
  message: string;
  hint: string | undefined;
}

/** Collects the problems of one parse, at most `MAX_DIAGNOSTICS` of them in the result. */
export class Report {
  private readonly problems: Problem[] = [];

  get hasErrors(): boolean {
    return this.problems.some(({ severity }) => severity === "error");
  }

  has(code: DiagnosticCode): boolean {
    return this.problems.some((problem) => problem.code === code);
  }

  error(code: DiagnosticCode, span: Span, message: string, hint?: string): undefined {
    this.problems.push({ severity: "error", code, span, message, hint });
  }

  warning(code: DiagnosticCode, span: Span, message: string, hint?: string): undefined {
    this.problems.push({ severity: "warning", code, span, message, hint });
  }

  /** Hands every problem on, as one of a larger text in which this one begins at `offset`. */
  moveTo(other: Report, source: Source, offset: number): void {
    for (const problem of this.problems) {
      const span = { source, start: problem.span.start + offset, end: problem.span.end + offset };
      other.problems.push({ ...problem, span });
    }
  }

  /**
   * By position: the main file's first, then those of each other source in their order. What several users of a template find wrong with
   * it is one problem.
   */
  sorted(sources: Source[]): Diagnostic[] {
    const order = new Map(sources.map((source, index) => [source, index]));
    const rank = ({ span }: Problem) => order.get(span.source) ?? 0;
    const different = new Map(
      this.problems.map((problem) => [
        `${rank(problem)}:${problem.span.start}:${problem.span.end}:${problem.code}:${problem.message}`,
        problem,
      ]),
    );
    const sorted = [...different.values()].sort((a, b) => rank(a) - rank(b) || a.span.start - b.span.start);
    const diagnostics = sorted.slice(0, MAX_DIAGNOSTICS).map(toDiagnostic);
    const next = sorted[MAX_DIAGNOSTICS];
    if (next === undefined) return diagnostics;
    const message = `${sorted.length - MAX_DIAGNOSTICS} more problems from here on are not shown`;
    const note: Problem = {
      ...next,
      severity: "error",
      code: "CONFIG_TOO_MANY_PROBLEMS",
      message,
      hint: undefined,
    };
    return [...diagnostics, toDiagnostic(note)];
  }
}

export const MAX_DIAGNOSTICS = 1000;

function toDiagnostic({ severity, code, span, message, hint }: Problem): Diagnostic {
  const { source } = span;
  const start = Math.min(span.start, source.text.length);
  const newline = source.text.indexOf("\n", start);
  const lineEnd = newline < 0 ? source.text.length : newline;
  const length = Math.max(1, Math.min(span.end, lineEnd) - start);
  const place = positionOf(source, start);
  const base = { code, severity, message, file: source.file, ...place, length };
  return hint === undefined ? base : { ...base, hint };
}
