import type { Style } from "./style.ts";

export type Outlook = "good" | "bad" | "warning" | "off" | "waiting" | "busy";

/** How a status word is shown. `allowed`: the failure (or what was canceled) was allowed; a success: with warnings. */
export function outlookOf(status: string, allowed: boolean): Outlook {
  switch (status) {
    case "success":
      return allowed ? "warning" : "good";
    case "failed":
      return allowed ? "warning" : "bad";
    case "canceled":
    case "skipped":
      return "off";
    case "running":
    case "canceling":
      return "busy";
    default:
      return "waiting";
  }
}

const SYMBOLS: Record<Outlook, string> = {
  good: "✓",
  bad: "✗",
  warning: "!",
  off: "⊘",
  waiting: "·",
  busy: "●",
};
const COLORS = {
  good: "green",
  bad: "red",
  warning: "yellow",
  off: "dim",
  waiting: "dim",
  busy: "cyan",
} as const satisfies Record<Outlook, keyof Style>;

export function symbolOf(status: string, allowed: boolean, style: Style): string {
  const outlook = outlookOf(status, allowed);
  return style[COLORS[outlook]](SYMBOLS[outlook]);
}

/** `✓ success`, `! success (with warnings)`, `! failed (allowed)`. */
export function statusCell(status: string, allowed: boolean, style: Style): string {
  const outlook = outlookOf(status, allowed);
  const note = !allowed
    ? ""
    : status === "success"
      ? " (with warnings)"
      : status === "failed"
        ? " (allowed)"
        : "";
  return style[COLORS[outlook]](`${SYMBOLS[outlook]} ${status}${note}`);
}
