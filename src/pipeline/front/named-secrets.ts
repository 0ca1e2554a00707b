import type { Job, Variables } from "../pipeline.ts";

const REFERENCE = /\$\{?([A-Za-z_][A-Za-z0-9_]{0,254})/g;

/** What the values of variables refer to, sorted. */
export function namesReferredTo(variables: Variables): ReadonlySet<string> {
  return new Set([...namesIn(valuesOf(variables))].sort());
}

/**
 * The names that a job of GitLab's form refers to, in its commands, variables, images, services or environment, and with them those that
 * the pipeline's variables refer to: what of them is a secret is given to it. GitLab itself gives every job all of them.
 */
export function namedSecrets(job: Job, ofPipeline: ReadonlySet<string>): string[] {
  const own = [...namesIn(textsOf(job))].filter((name) => !ofPipeline.has(name));
  if (own.length > 0) return [...own, ...ofPipeline].sort();
  const shared = SHARED.get(ofPipeline) ?? [...ofPipeline];
  SHARED.set(ofPipeline, shared);
  return shared;
}

/** Of a file with many variables and many jobs most jobs add nothing: these have one list. */
const SHARED = new WeakMap<ReadonlySet<string>, string[]>();

function namesIn(texts: Iterable<string>): Set<string> {
  const names = new Set<string>();
  for (const text of texts) {
    if (!text.includes("$")) continue;
    for (const [, name] of text.matchAll(REFERENCE)) names.add(name!);
  }
  return names;
}

function* textsOf(job: Job): Iterable<string> {
  yield* job.preGetSources;
  yield* job.beforeScript;
  yield* job.script;
  yield* job.afterScript;
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
