import * as v from "valibot";

/** Ids of runs, tokens, repositories. */
export const ID = v.pipe(v.string(), v.regex(/^[a-z0-9]{1,64}$/, "an id is lower-case letters and digits"));

/** Names of pipelines, stages, jobs, branches and repositories: 1 to 1024 characters, none of them a control character. */
export const NAME = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(1024),
  v.regex(/^[^\p{Cc}\u2028\u2029]*$/u, "a name holds no control characters"),
  v.check(isWellFormed, "not valid Unicode"),
  v.check((name) => name !== "." && name !== "..", "a name is not . or .."),
);

/** Text without NUL, which neither a database nor an environment can hold. */
export function text(maxLength: number) {
  return v.pipe(
    v.string(),
    v.maxLength(maxLength),
    v.regex(/^[^\0]*$/, "the text holds a NUL character"),
    v.check(isWellFormed, "not valid Unicode"),
  );
}

/** A commit by its hash or at least 4 digits of it. */
export const COMMIT = v.pipe(
  v.string(),
  v.regex(/^[0-9A-Fa-f]{4,64}$/, "a commit is 4 to 64 hexadecimal digits"),
);

/** A git object id: SHA-1 or SHA-256. */
export const OBJECT_ID = v.pipe(
  v.string(),
  v.regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, "an object id is 40 or 64 hexadecimal digits"),
);

export const SHA256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

/** ISO 8601 UTC, with milliseconds. */
export const TIME = v.pipe(v.string(), v.isoTimestamp());

export const COUNT = v.pipe(v.number(), v.integer(), v.minValue(0));

/** A whole number from 1 on in a query. */
export function countParameter(max: number) {
  return v.pipe(
    v.string(),
    v.regex(/^\d{1,10}$/, "a whole number is expected"),
    v.transform(Number),
    v.number(),
    v.integer(),
    v.minValue(1),
    v.maxValue(max),
  );
}

/** `true` or `false` in a query. */
export const FLAG_PARAMETER = v.pipe(
  v.string(),
  v.picklist(["true", "false"]),
  v.transform((value) => value === "true"),
  v.boolean(),
);

/** A parameter that may stand several times in a query. */
export function listParameter<const W extends readonly string[]>(words: W) {
  return v.pipe(
    v.union([v.string(), v.array(v.string())]),
    v.transform((value) => (typeof value === "string" ? [value] : value)),
    v.array(v.picklist(words)),
    v.maxLength(20),
  );
}

/** Whole surrogate pairs only: what is not can be stored nowhere. */
function isWellFormed(value: string): boolean {
  return value.isWellFormed();
}
