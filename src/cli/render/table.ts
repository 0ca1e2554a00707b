import { widthOf } from "./text.ts";

/**
 * Rows of cells in aligned columns, two spaces between them, without trailing spaces. Cells may be coloured. There may be
 * thousands of rows: each cell is measured once, and not at all where it is the same as the one above it.
 */
export function renderTable(rows: string[][], indent = ""): string {
  const columns: number[] = [];
  const widths: number[][] = [];
  for (let r = 0; r < rows.length; r += 1) {
    const row = rows[r]!;
    const above = rows[r - 1];
    const measured: number[] = [];
    for (let i = 0; i < row.length; i += 1) {
      const width = row[i] === above?.[i] ? widths[r - 1]![i]! : widthOf(row[i]!);
      measured.push(width);
      if (width > (columns[i] ?? -1)) columns[i] = width;
    }
    widths.push(measured);
  }
  const gaps = Array.from({ length: Math.max(0, ...columns) + 3 }, (_, length) => " ".repeat(length));
  const parts: string[] = [];
  for (let r = 0; r < rows.length; r += 1) {
    const row = rows[r]!;
    const measured = widths[r]!;
    let last = row.length - 1;
    while (last >= 0 && row[last]!.trimEnd() === "") last -= 1;
    parts.push(indent);
    for (let i = 0; i < last; i += 1) parts.push(row[i]!, gaps[columns[i]! - measured[i]! + 2]!);
    parts.push(last < 0 ? "\n" : `${row[last]!.trimEnd()}\n`);
  }
  return parts.join("");
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
