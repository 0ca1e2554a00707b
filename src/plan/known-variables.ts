import type { Facts } from "../pipeline/facts.ts";
import type { Job, Variable, Variables } from "../pipeline/pipeline.ts";
import { expandOnDemand } from "./expand.ts";

/** What the variables of pipeline and job become with those that stand over them. Of a secret it is known that it is set. */
export function withProjectAndRun(
  own: Variables,
  { project, secrets, run }: Facts,
  ofSecret: OfSecret,
): Variables {
  if (secrets.length === 0) return { ...own, ...project, ...run };
  const set = secrets.map((name) => [name, { value: ofSecret(name), expand: false }]);
  return { ...own, ...project, ...Object.fromEntries(set), ...run };
}

/** What may be asked for one name at a time: a file may have very many variables, and as many jobs. */
export type KnownVariables = Pick<ReadonlyMap<string, string>, "get">;

/**
 * What `withProjectAndRun` gives of a job's own variables, over those it inherits of the pipeline's, expanded when it is asked for. `fixed`:
 * what stands below all of them.
 */
export function knownOf(
  { job, variables }: { job: Pick<Job, "inheritVariables">; variables: Variables },
  global: Variables,
  { project, secrets, run }: Facts,
  {
    fixed,
    ofSecret,
    unknown,
  }: { fixed: Record<string, string>; ofSecret: OfSecret; unknown: "empty" | "kept" },
): KnownVariables {
  const { inheritVariables: inherits } = job;
  const isInherited = (name: string) => (typeof inherits === "boolean" ? inherits : inherits.includes(name));
  const variableOf = (name: string): Variable | undefined => {
    if (Object.hasOwn(run, name)) return run[name];
    if (secrets.includes(name)) return { value: ofSecret(name), expand: false };
    if (Object.hasOwn(project, name)) return project[name];
    if (Object.hasOwn(variables, name)) return variables[name];
    return isInherited(name) && Object.hasOwn(global, name) ? global[name] : undefined;
  };
  const expanded = expandOnDemand(variableOf, fixed, unknown);
  return {
    get: (name) => {
      if (variableOf(name) !== undefined) return expanded(name);
      return Object.hasOwn(fixed, name) ? fixed[name] : undefined;
    },
  };
}

/** Stands for the value of a secret. */
type OfSecret = (name: string) => string;

/** For rules: set, and nothing more can be learned of it. */
export const SET: OfSecret = () => "[secret]";

/** For what the attempt looks at again. */
export const REFERRED: OfSecret = (name) => `\${${name}}`;
