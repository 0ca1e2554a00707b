import type { Diagnostic } from "./diagnostic.ts";
import { overrideText } from "./overrides.ts";

/** Columns of the excerpt; longer lines are clipped around the caret. */
const MAX_COLUMNS = 100;
const TAB = "  ";

/**
 * `file:line:column error [CODE] message`, the line with a caret below what is meant, and the hint; no newline at the
 * end. `text` is the text of the pipeline file. Control characters are made visible, so a file cannot move the cursor.
 */
export function renderDiagnostic(diagnostic: Diagnostic, text: string, options: { color: boolean }): string {
  const paint = options.color
    ? (code: number, part: string) => `\x1b[${code}m${part}\x1b[0m`
    : (_: number, part: string) => part;
  const { severity, code, line, column, length, hint } = diagnostic;
  const place = `${visible(diagnostic.file)}:${line}:${column}`;
  const tone = severity === "error" ? 31 : 33;
  const lines = [`${paint(1, place)} ${paint(tone, severity)} [${code}] ${visible(diagnostic.message)}`];
  const gutter = String(line).padStart(5);
  const blank = " ".repeat(gutter.length);
  const excerpt = excerptOf(lineOf(overrideText(diagnostic.file) ?? text, line), column - 1, length);
  if (excerpt !== undefined) {
    lines.push(`${paint(2, `${gutter} |`)} ${excerpt.text}`.trimEnd());
    lines.push(
      `${paint(2, `${blank} |`)} ${" ".repeat(excerpt.indent)}${paint(tone, "^".repeat(excerpt.width))}`,
    );
  }
  if (hint !== undefined) lines.push(`${paint(2, `${blank} =`)} ${paint(36, "hint:")} ${visible(hint)}`);
  return lines.join("\n");
}

function lineOf(text: string, line: number): string | undefined {
  let start = text.startsWith("\ufeff") ? 1 : 0;
  for (let number = 1; number < line; number++) {
    start = text.indexOf("\n", start) + 1;
    if (start === 0) return undefined;
  }
  const end = text.indexOf("\n", start);
  return text.slice(start, end < 0 ? undefined : end).replace(/\r$/, "");
}

/** The line as shown, and where the caret stands in it, in columns of a terminal. */
function excerptOf(
  line: string | undefined,
  start: number,
  length: number,
): { text: string; indent: number; width: number } | undefined {
  if (line === undefined) return undefined;
  const from = Math.max(0, start - MAX_COLUMNS / 2);
  const shown = line.slice(from, from + MAX_COLUMNS);
  const head = from > 0 ? "…" : "";
  const tail = from + MAX_COLUMNS < line.length ? "…" : "";
  const before = visible(shown.slice(0, start - from));
  const meant = visible(shown.slice(start - from, start - from + length));
  return {
    text: head + visible(shown) + tail,
    indent: head.length + Bun.stringWidth(before),
    width: Math.max(1, Bun.stringWidth(meant)),
  };
}

/** Tabs as blanks; other control characters, and those that reorder or hide text, as `<U+001B>`. */
function visible(text: string): string {
  return text
    .replaceAll("\t", TAB)
    .replace(
      /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
      (character) => `<U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}>`,
    );
}
