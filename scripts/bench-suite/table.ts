import type { Finding, Side } from "./row.ts";

/** Aligned columns for people: the claim, its goal, what was measured of each side, and whether it holds. */
export function renderTable(findings: readonly Finding[]): string {
  const rows = findings.map(({ what, goal, sides, result, holds }) => [
    what,
    goal,
    sides.map(renderSide).join(" · "),
    result,
    holds ? "holds" : "DOES NOT HOLD",
  ]);
  const lines = [["what", "must reach", "measured: median (min–max)", "result", ""], ...rows];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function renderSide({ name, median, min, max, unit }: Side): string {
  return `${name} ${round(median)} ${unit} (${round(min)}–${round(max)})`;
}

function round(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}
