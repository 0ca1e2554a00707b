import type { Job, Variables } from "../pipeline.ts";

const REFERENCE = /\$\{?([A-Za-z_][A-Za-z0-9_]{0,254})/g;

/**
 * The names that a job of GitLab's form refers to, in its commands, variables, images, services or environment, the pipeline's
 * variables included: those of them that are secrets are given to it. GitLab itself gives every job all of them.
 */
export function namedSecrets(job: Job, global: Variables): string[] {
  const names = new Set<string>();
  for (const text of textsOf(job, global)) {
    if (!text.includes("$")) continue;
    for (const [, name] of text.matchAll(REFERENCE)) names.add(name!);
  }
  return [...names].sort();
}

function* textsOf(job: Job, global: Variables): Iterable<string> {
  yield* job.preGetSources;
  yield* job.beforeScript;
  yield* job.script;
  yield* job.afterScript;
  yield* valuesOf(global);
  yield* valuesOf(job.variables);
  for (const { variables } of job.rules ?? []) yield* valuesOf(variables);
  if (job.image !== undefined) yield job.image.name;
  for (const { name, command, variables } of job.services) {
    yield name;
    yield* command ?? [];
    yield* valuesOf(variables);
  }
  if (job.environment !== undefined) yield `${job.environment.name} ${job.environment.url ?? ""}`;
}

function valuesOf(variables: Variables): string[] {
  return Object.values(variables).map((variable) =>
    typeof variable === "string" ? variable : variable.value,
  );
}
