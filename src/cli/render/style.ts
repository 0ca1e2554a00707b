/** Colours of the terminal, or none. */
export type Style = Record<
  "bold" | "dim" | "red" | "green" | "yellow" | "blue" | "cyan",
  (text: string) => string
> & {
  isColored: boolean;
};

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  cyan: [36, 39],
} as const;

export function createStyle(isColored: boolean): Style {
  const paint = Object.entries(CODES).map(([name, [on, off]]) => [
    name,
    isColored
      ? (text: string) => (text === "" ? "" : `\x1b[${on}m${text}\x1b[${off}m`)
      : (text: string) => text,
  ]);
  return { ...Object.fromEntries(paint), isColored } as Style;
}
