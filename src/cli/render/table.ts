import { padEnd, widthOf } from "./text.ts";

/** Rows of cells in aligned columns, two spaces between them, without trailing spaces. Cells may be coloured. */
export function renderTable(rows: string[][], indent = ""): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, widthOf(cell));
  }
  const lines = rows.map((row) => row.map((cell, index) => padEnd(cell, widths[index]!)).join("  "));
  return lines.map((line) => `${indent}${line.trimEnd()}\n`).join("");
}

/** A table of GitHub-flavoured Markdown; the first row heads it. */
export function renderMarkdownTable(rows: string[][]): string {
  const [head, ...body] = rows;
  if (head === undefined) return "";
  const line = (cells: string[]) => `| ${cells.map(escapeCell).join(" | ")} |\n`;
  return line(head) + line(head.map(() => "---")) + body.map(line).join("");
}

function escapeCell(text: string): string {
  return text.replace(/[\\|`*_<>[\]]/g, (character) => `\\${character}`);
}
