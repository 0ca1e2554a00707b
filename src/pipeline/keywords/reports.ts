import { artifactPathProblem } from "../names.ts";
import type { Node } from "../node.ts";
import { list, type ReadContext, type Shape, text } from "../shape.ts";
import { object, type ReadObject } from "../shape-object.ts";

/** `artifacts:reports`: files that are read once the job has ended. */

/** Kinds that GitLab reads and shows, and that are nothing but files here. https://docs.gitlab.com/ci/yaml/artifacts_reports/ */
const OTHER_KINDS: ReadonlySet<string> = new Set([
  "accessibility",
  "annotations",
  "api_fuzzing",
  "browser_performance",
  "cluster_image_scanning",
  "cobertura",
  "codequality",
  "container_scanning",
  "coverage_fuzzing",
  "coverage_report",
  "cyclonedx",
  "dast",
  "dependency_scanning",
  "license_management",
  "license_scanning",
  "load_performance",
  "lsif",
  "metrics",
  "performance",
  "repository_xray",
  "requirements",
  "requirements_v2",
  "sarif",
  "sast",
  "secret_detection",
  "terraform",
]);

const paths = list(text({ noun: "a path", problem: artifactPathProblem, schema: { minLength: 1 } }), {
  noun: "a path or a list of paths",
  single: true,
});

const read = object(
  {
    junit: { shape: paths, about: "JUnit XML files: their failing tests are shown with the run." },
    dotenv: {
      shape: paths,
      about: "Files of KEY=value lines: variables of the jobs that get its artifacts.",
    },
  },
  {
    noun: "a mapping with junit and dotenv",
    elsewhere: (key) =>
      OTHER_KINDS.has(key) ? "junit and dotenv are read; keep other files under artifacts:paths" : undefined,
    onUnknown(key, _value, keySpan, { report, lax }) {
      if (lax !== true || !OTHER_KINDS.has(key)) return false;
      const message = `"${key}" has no effect here: the files are kept as artifacts, and nothing reads them`;
      report.warning("GITLAB_LEFTOVER", keySpan, message, "junit and dotenv are read");
      return true;
    },
  },
);

type Reports = (typeof read extends Shape<infer T> ? T : never) & {
  /** Files of the kinds that nothing reads. */
  others: string[];
};

export const reports: Shape<Reports> = {
  ...read,
  read(node, context) {
    const value: ReadObject<Reports["values"]> | undefined = read.read(node, context);
    return value && { ...value, others: otherFiles(node, context) };
  },
};

/** Of `coverage_report` the file is in its `path`. */
function otherFiles(node: Node, context: ReadContext): string[] {
  if (node.kind !== "map" || context.lax !== true) return [];
  return [...node.entries].flatMap(([kind, { value }]) => {
    if (!OTHER_KINDS.has(kind)) return [];
    const files = value.kind === "map" ? value.entries.get("path")?.value : value;
    return files === undefined ? [] : (paths.read(files, context) ?? []);
  });
}
