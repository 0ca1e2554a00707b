import type { Output } from "../output.ts";
import { JsonView } from "./json-view.ts";
import { LiveView } from "./live-view.ts";
import { PlainView } from "./plain-view.ts";
import type { RunView } from "./run-view.ts";

/** A terminal gets the live view, everything else plain lines. */
export function chooseView(output: Output): RunView {
  if (output.json) return new JsonView(output);
  return output.canRepaint && !output.quiet ? new LiveView(output) : new PlainView(output);
}
