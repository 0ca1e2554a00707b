import type { Node } from "../node.ts";
import { oneOf, type ReadContext, type Shape, text, truth, word } from "../shape.ts";
import { object } from "../shape-object.ts";
import type { Span } from "../source.ts";

/** A job that starts another pipeline. What it includes is read where the document is composed. */

/** Taken by composition, which reports what is wrong with it. */
const composed: Shape<Node> = {
  noun: "a path, a mapping with local, or a list of them",
  schema: { type: ["string", "array", "object"] },
  accepts: () => true,
  read: (node) => (node.kind === "broken" ? undefined : node),
};

export const forward = object(
  {
    yaml_variables: {
      shape: truth(),
      about: "Whether variables of this job and of the pipeline are handed on. Default: true.",
    },
    pipeline_variables: { shape: truth(), about: "Whether those of --var are handed on. Default: false." },
  },
  { noun: "a mapping with yaml_variables and pipeline_variables" },
);

const settings = object(
  {
    include: {
      shape: composed,
      about: "The files that the pipeline is made of.",
      required: "name a file of the repository: include: ci/child.yml",
    },
    inputs: { shape: composed, about: "Values for the inputs of those files." },
    strategy: {
      shape: word(["depend"], { mirror: 'write "depend": the job ends as the other pipeline does' }),
      about: "depend: the job ends as the pipeline it starts. Default: it ends at once.",
    },
    forward: { shape: forward, about: "Which variables the pipeline is given." },
  },
  { noun: "a mapping with include and strategy", onUnknown: refuseOtherProject },
);

function refuseOtherProject(key: string, _value: Node, keySpan: Span, { report }: ReadContext): boolean {
  if (key !== "project" && key !== "branch") return false;
  reportOtherProject(keySpan, { report });
  return true;
}

function reportOtherProject(span: Span, { report }: Pick<ReadContext, "report">): undefined {
  const message = "a run starts no pipeline of another project";
  const hint = "copy its file into the repository and start that: trigger: { include: ci/child.yml }";
  return report.error("CONFIG_INCLUDE_REMOTE", span, message, hint);
}

const project: Shape<never> = {
  ...(text({ noun: "the name of a project" }) as Shape<never>),
  read: ({ span }, context) => reportOtherProject(span, context),
};

/** In the schema there is the mapping alone: the name of a project is known, and refused. */
export const trigger: typeof settings = { ...settings, read: oneOf(settings, project).read };
