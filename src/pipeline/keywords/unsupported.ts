import type { Node } from "../node.ts";
import type { ReadContext } from "../shape.ts";
import type { Span } from "../source.ts";

type Place = "job" | "cache_key" | "default" | "artifacts";

/** Keys that mean something to a run and are not carried out: to pass over them would change what a pipeline does. */
const UNSUPPORTED: Record<Place, Record<string, string>> = {
  job: {
    id_tokens:
      "no tokens are issued: keep what the job needs with cicd secret set, and name it under secrets:",
  },
  default: {
    id_tokens: "no tokens are issued: keep what jobs need with cicd secret set",
  },
  cache_key: { files_commits: "use files: the key follows from their content" },
  artifacts: {},
};

/** Answers such a key of a mapping; for the `onUnknown` of its shape. */
export function refuseUnsupported(place: Place) {
  return (key: string, _value: Node, keySpan: Span, { report }: ReadContext): boolean => {
    const hints = UNSUPPORTED[place];
    if (!Object.hasOwn(hints, key)) return false;
    report.error("CONFIG_NOT_SUPPORTED", keySpan, `"${key}" is not supported`, hints[key]);
    return true;
  };
}
