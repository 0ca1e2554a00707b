import type { Node } from "../node.ts";
import type { ReadContext } from "../shape.ts";
import type { Span } from "../source.ts";

type Place = "job" | "cache_key" | "default" | "image" | "artifacts" | "variable" | "rule";

/** Keys that mean something to a run and are not carried out: to pass over them would change what a pipeline does. */
const UNSUPPORTED: Record<Place, Record<string, string>> = {
  job: {
    services: "start what the tests need in the script itself",
    secrets: "give values to a local run with --var",
    id_tokens: "give values to a local run with --var",
    environment: "write what its name and address are used for as variables",
    resource_group: "start such jobs by hand: when: manual",
    start_in: "use when: manual, or sleep in the script",
    trigger: "run the other pipeline by its name: cicd run -p NAME",
    hooks: "put the commands into before_script",
  },
  default: {
    services: "start what the tests need in the script itself",
    id_tokens: "give values to a local run with --var",
    hooks: "put the commands into before_script",
  },
  cache_key: { files_commits: "use files: the key follows from their content" },
  image: {
    user: "choose the user in the image, or with su in the script",
    platform: "name an image of the platform",
    docker: "choose user and platform by the image",
  },
  artifacts: {},
  variable: { file: "write the file in the script" },
  rule: { start_in: "use when: manual, or sleep in the script" },
};

/** Answers such a key of a mapping; for the `onUnknown` of its shape. */
export function refuseUnsupported(place: Place) {
  return (key: string, _value: Node, keySpan: Span, { report }: ReadContext): boolean => {
    const hints = UNSUPPORTED[place];
    if (!Object.hasOwn(hints, key)) return false;
    report.error("CONFIG_NOT_SUPPORTED", keySpan, `"${key}" is not supported yet`, hints[key]);
    return true;
  };
}
