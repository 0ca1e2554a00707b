import * as v from "valibot";
import { OBJECT_ID } from "../../api/scalars.ts";
import { CicdError } from "../../errors/cicd-error.ts";
import { refNameProblem } from "../../pipeline/ref-name.ts";

/** What is common to the payloads of all hosts. */

/** What an event means; `ignored`: that it makes no run, and why. */
export type Reading<E> = { event: E; ignored?: never } | { event?: never; ignored: string };

const MAX_TITLE_LENGTH = 1_024;

export const REF = v.pipe(v.string(), v.maxLength(1_024));
export const SHORT_NAME = v.pipe(
  v.string(),
  v.check((name) => refNameProblem(name) === undefined, "not the name of a branch or tag"),
);
export const COMMIT_ID = OBJECT_ID;
export const NUMBER = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2_147_483_647));
export const TITLE = v.pipe(
  v.string(),
  v.transform((title) => title.slice(0, MAX_TITLE_LENGTH).toWellFormed().replaceAll("\0", "")),
);

/** Throws USAGE: nothing in the body can be relied upon but its signature. */
export function parsePayload<S extends v.GenericSchema>(schema: S, payload: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, payload);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const place = (v.getDotPath(issue) ?? "the payload").slice(0, 120);
  throw new CicdError(
    "USAGE",
    `the webhook's payload is not as it should be: ${place}: ${issue.message.slice(0, 120)}`,
  );
}

export function isNoCommit(id: string): boolean {
  return /^0+$/.test(id);
}

/** Of `refs/heads/x` and `refs/tags/x`. Throws USAGE where the name is malformed. */
export function splitRef(ref: string): { kind: "branch" | "tag" | "other"; name: string } {
  for (const [prefix, kind] of [
    ["refs/heads/", "branch"],
    ["refs/tags/", "tag"],
  ] as const) {
    if (ref.startsWith(prefix)) return { kind, name: parsePayload(SHORT_NAME, ref.slice(prefix.length)) };
  }
  return { kind: "other", name: ref.slice(0, 120) };
}
