import type { Facts } from "../pipeline/facts.ts";
import type { Variables } from "../pipeline/pipeline.ts";

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

/** Stands for the value of a secret. */
type OfSecret = (name: string) => string;

/** For rules: set, and nothing more can be learned of it. */
export const SET: OfSecret = () => "[secret]";

/** For what the attempt looks at again. */
export const REFERRED: OfSecret = (name) => `\${${name}}`;
