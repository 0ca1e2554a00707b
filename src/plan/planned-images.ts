import type { Facts } from "../pipeline/facts.ts";
import type { Image, Service, Variables } from "../pipeline/pipeline.ts";
import type { Candidate } from "./candidates.ts";
import { expandReferences } from "./expand.ts";
import { knownOf, REFERRED } from "./known-variables.ts";
import type { PlanNote } from "./plan-note.ts";

/** Names that only a run knows the values of. */
const OF_THE_RUN = /^(?:CI|CICD|CICD_\w+|CI_\w+)$/;

/** With the variables in their names put in as far as they are known before the run; the rest is left to the attempt. */
export function plannedImages(
  candidate: Pick<Candidate, "job" | "name" | "variables">,
  global: Variables,
  facts: Facts,
  notes: PlanNote[],
): { image: Image | null; services: Service[] } {
  const { job, name } = candidate;
  const note = (code: PlanNote["code"], message: string) =>
    void notes.push({ code, message, job: name, at: job.at });
  const expand = <T extends Image>(image: T, what: string): T => {
    if (!image.name.includes("$")) return image;
    const known = knownOf(candidate, global, facts, { fixed: {}, ofSecret: REFERRED, unknown: "kept" });
    const expanded = expandReferences(image.name, (reference) => {
      const value = known.get(reference);
      if (value === undefined && !OF_THE_RUN.test(reference)) {
        note(
          "PLAN_UNDEFINED_VARIABLE",
          `the image of ${what} refers to $${reference}, which nothing defines`,
        );
      }
      return value;
    });
    return { ...image, name: expanded };
  };
  const services = job.services.map((service) => expand(service, `a service of "${name}"`));
  for (const { name: image } of services) {
    if (needsPrivileges(image)) {
      const message = `the service ${image} of "${name}" needs privileged containers, which cicd does not give`;
      note("PLAN_PRIVILEGED_SERVICE", message);
    }
  }
  return { image: job.image === undefined ? null : expand(job.image, `"${name}"`), services };
}

/** Whether it can be warned of at all. */
export function isDoubtful({ name }: Image): boolean {
  return name.includes("$") || needsPrivileges(name);
}

/** Docker inside Docker: `docker:27-dind`, `registry.example.org/docker:dind-rootless`. */
function needsPrivileges(image: string): boolean {
  return image.includes("dind") && /\bdind\b/.test(image.slice(image.lastIndexOf("/") + 1));
}
