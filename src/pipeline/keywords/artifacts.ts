import { artifactPathProblem } from "../names.ts";
import { list, text, truth, word } from "../shape.ts";
import { object } from "../shape-object.ts";
import { passOver } from "./leftovers.ts";
import { reports } from "./reports.ts";
import { refuseUnsupported } from "./unsupported.ts";
import { expiry, name } from "./values.ts";

const artifactPaths = (atLeast: number) =>
  list(text({ noun: "a path", problem: artifactPathProblem, schema: { minLength: 1 } }), {
    noun: "a list of paths",
    atLeast,
  });

const refuse = refuseUnsupported("artifacts");
const leave = passOver("artifacts");
const refuseOrPassOver: typeof refuse = (...key) => refuse(...key) || leave(...key);

export const artifacts = object(
  {
    paths: {
      shape: artifactPaths(1),
      about: "Files, directories and patterns to keep, relative to the workspace.",
      required: "say what to keep: paths: [dist/]",
      unless: ["reports", "untracked"],
      isLax: true,
    },
    untracked: { shape: truth(), about: "Keep everything that is not in the snapshot as well." },
    exclude: { shape: artifactPaths(0), about: "Patterns of files to leave out." },
    reports: { shape: reports, about: "Files that are read once the job has ended." },
    when: {
      shape: word(["on_success", "on_failure", "always"]),
      about: "After which results artifacts are kept. Default: on_success.",
    },
    name: { shape: name("a name"), about: "Name of the archive when downloaded." },
    expire_in: { shape: expiry, about: "How long artifacts are kept: 30 days, 1 week, never." },
  },
  { noun: "a mapping with paths", onUnknown: refuseOrPassOver },
);
