import { cachePathProblem } from "../names.ts";
import type { Node } from "../node.ts";
import { type JsonSchema, list, oneOf, type ReadContext, type Shape, text, truth, word } from "../shape.ts";
import { type Keyword, object } from "../shape-object.ts";
import { passOver } from "./leftovers.ts";
import { refuseUnsupported } from "./unsupported.ts";
import { plainText } from "./values.ts";

/** What is kept of the workspace from one run to the next. https://docs.gitlab.com/ci/yaml/#cache */

const MAX_CACHES = 4;
const MAX_KEY_FILES = 2;
const MAX_FALLBACK_KEYS = 5;

const path = text({ noun: "a path", problem: cachePathProblem, schema: { minLength: 1 } });

export const cacheKey = object(
  {
    files: {
      shape: atMost(MAX_KEY_FILES, "files of a key", list(path, { noun: "a list of files", atLeast: 1 })),
      about: "Files whose content makes the key; at most two.",
      required: "name the files: files: [package-lock.json]",
    },
    prefix: { shape: plainText, about: "Stands before the hash of the files." },
  },
  { noun: "a mapping with files and prefix", onUnknown: refuseUnsupported("cache_key") },
);

const policy = text({
  noun: "pull-push, pull, push or a $VARIABLE",
  problem: (value) =>
    /^(pull-push|pull|push)$/.test(value) || value.includes("$")
      ? undefined
      : { message: `"${value.slice(0, 80)}" is no policy`, hint: "write pull-push, pull or push" },
  schema: { pattern: "^(pull-push|pull|push)$|\\$" },
});

const KEYS = {
  key: {
    shape: oneOf(plainText, cacheKey),
    about: "Under which name it is kept, or the files that make the name. Default: default.",
  },
  paths: {
    shape: list(path, { noun: "a list of paths", atLeast: 1 }),
    about: "Files, directories and patterns to keep, relative to the workspace.",
  },
  untracked: { shape: truth(), about: "Keep everything that is not in the snapshot as well." },
  policy: {
    shape: policy,
    about: "Whether it is restored (pull), saved (push) or both. Default: pull-push.",
  },
  when: {
    shape: word(["on_success", "on_failure", "always"]),
    about: "After which results it is saved. Default: on_success.",
  },
  fallback_keys: {
    shape: atMost(MAX_FALLBACK_KEYS, "fallback keys", list(plainText, { noun: "a list of keys" })),
    about: "Names to look under, in this order, where nothing is kept under the key.",
  },
} satisfies Record<string, Keyword>;

const OPTIONS = {
  noun: "a mapping with key and paths",
  onUnknown: passOver("cache"),
};
const paths = { ...KEYS.paths, required: "say what to keep: paths: [node_modules/]", unless: ["untracked"] };

/** As GitLab has it, one without paths keeps nothing; with `cache: {}` a job takes none of `default`. */
const lax = object(KEYS, OPTIONS);
const strict = object({ ...KEYS, paths }, OPTIONS);

export const cache: typeof strict = {
  ...strict,
  read: (node, context) => (context.lax === true ? lax : strict).read(node, context),
};

export const caches = atMost(
  MAX_CACHES,
  "caches",
  list(cache, { noun: "a mapping with key and paths, or a list of them", single: true }),
);

/** Reports CONFIG_CACHE at the first item too many. */
function atMost<T>(most: number, items: string, shape: Shape<T[]>): Shape<T[]> {
  const limited = (schema: JsonSchema): JsonSchema =>
    schema.type === "array" ? { ...schema, maxItems: most } : schema;
  const { anyOf } = shape.schema;
  return {
    ...shape,
    schema: Array.isArray(anyOf) ? { anyOf: anyOf.map(limited) } : limited(shape.schema),
    read(node, context) {
      if (node.kind !== "list" || node.items.length <= most) return shape.read(node, context);
      return tooMany(node.items[most]!, `${node.items.length} ${items}; ${most} are allowed`, context);
    },
  };
}

function tooMany(first: Node, message: string, { report }: ReadContext): undefined {
  return report.error("CONFIG_CACHE", first.span, message, "put them together, or leave some out");
}
