import type { Variables } from "../pipeline/pipeline.ts";
import type { Attempt, AttemptContext } from "./attempt.ts";
import { Masker } from "./masker.ts";

/**
 * The secrets that the job names, as variables; from here on nothing of them gets into the attempt's log. A run of a fork's pull
 * request gets none. Throws what `SecretSource` throws.
 */
export async function giveSecrets(
  context: AttemptContext,
  { run, planned, log, storing, isAdopted }: Attempt,
): Promise<Variables> {
  const { secrets: names } = planned;
  if (names.length === 0) return {};
  // What an adopted attempt had to be told stands in its log already.
  const note = (text: string) => (isAdopted ? Promise.resolve() : log.note(text));
  if (run.plan.pullRequest?.isFork === true) {
    await note(`secrets are not given to a fork's pull request: ${names.join(", ")}`);
    return {};
  }
  const read = () => context.secrets.read(run, names);
  const known = await context.persist("read secrets", read, storing.giveUp);
  log.maskWith(Masker.of([...known.values()].flatMap(({ value, former }) => [value, ...former])));
  const unset = planned.secretsInferred === true ? [] : names.filter((name) => !known.has(name));
  if (unset.length > 0) await note(`warning: no secret of this name is set: ${unset.join(", ")}`);
  return Object.fromEntries(
    [...known].map(([name, { value, file }]) => [name, { value, expand: false, file }]),
  );
}
