import { CicdError } from "../errors/cicd-error.ts";
import type { Variables } from "../pipeline/pipeline.ts";
import type { Attempt, AttemptContext } from "./attempt.ts";
import { Masker } from "./masker.ts";
import type { Secret } from "./secret-source.ts";

/**
 * The secrets that the job names, as variables; from here on nothing of them gets into the attempt's log, and nothing of those of the
 * run's other jobs, whose artifacts and variables it may see. A run of a fork's pull request gets none. Throws what `SecretSource` throws.
 */
export async function giveSecrets(context: AttemptContext, attempt: Attempt): Promise<Variables> {
  const { run, planned, log, storing, isAdopted } = attempt;
  const own = planned.secrets;
  const names = [...new Set(run.plan.jobs.flatMap(({ secrets }) => secrets))];
  if (names.length === 0) return {};
  // What an adopted attempt had to be told stands in its log already.
  const note = (text: string) => (isAdopted ? Promise.resolve() : log.note(text));
  if (run.plan.pullRequest?.isFork === true) {
    if (own.length > 0) await note(`secrets are not given to a fork's pull request: ${own.join(", ")}`);
    return {};
  }
  const read = () => context.secrets.read(run, names);
  const known = await context.persist("read secrets", read, storing.giveUp).catch((error: unknown) => {
    // No job of the run was given what cannot be opened.
    if (own.length === 0 && error instanceof CicdError && error.code === "SECRET_KEY_INVALID") return NONE;
    throw error;
  });
  log.maskWith(Masker.of([...known.values()].flatMap(({ value, former }) => [value, ...former])));
  const unset = planned.secretsInferred === true ? [] : own.filter((name) => !isGiven(known.get(name)));
  if (unset.length > 0) await note(`warning: no secret of this name is set: ${unset.join(", ")}`);
  return Object.fromEntries(
    own.flatMap((name) => {
      const secret = known.get(name);
      return !isGiven(secret) ? [] : [[name, { value: secret.value, expand: false, file: secret.file }]];
    }),
  );
}

/** One that was removed is masked, and that is all. */
function isGiven(secret: Secret | undefined): secret is Secret {
  return secret !== undefined && secret.isRemoved !== true;
}

const NONE: ReadonlyMap<string, Secret> = new Map();
