import { widthOf } from "./text.ts";

/**
 * Rows of cells in aligned columns, two spaces between them, without trailing spaces. Cells may be coloured. There may be
 * thousands of rows: each cell is measured once, and neither measured nor filled up where it is the same as the one above it.
 */
export function renderTable(rows: string[][], indent = ""): string {
  let count = 0;
  for (const row of rows) if (row.length > count) count = row.length;
  const columns = Array.from({ length: count }, (_, i) => alignColumn(rows, i));
  let text = "";
  for (let r = 0; r < rows.length; r += 1) {
    const row = rows[r]!;
    let last = row.length - 1;
    while (last >= 0 && row[last]!.trimEnd() === "") last -= 1;
    text += indent;
    for (let i = 0; i < last; i += 1) text += columns[i]![r]!;
    text += last < 0 ? "\n" : `${row[last]!.trimEnd()}\n`;
  }
  return text;
}

/** The cells of column `i`, filled up with spaces to where the next one begins; nothing where a row has none. */
function alignColumn(rows: string[][], i: number): string[] {
  const widths: number[] = [];
  let widest = 0;
  let above: string | undefined;
  let width = 0;
  for (const row of rows) {
    const cell = row[i];
    if (cell !== above) width = cell === undefined ? 0 : widthOf(cell);
    if (width > widest) widest = width;
    widths.push(width);
    above = cell;
  }
  const filled: string[] = [];
  above = undefined;
  let text = "";
  for (let r = 0; r < rows.length; r += 1) {
    const cell = rows[r]![i];
    if (cell !== above) text = cell === undefined ? "" : cell + " ".repeat(widest - widths[r]! + 2);
    filled.push(text);
    above = cell;
  }
  return filled;
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
