import type { TextProblem } from "../names.ts";
import { serviceNames } from "../service-names.ts";
import { integer, list, oneOf, type ReadContext, text } from "../shape.ts";
import { type Keyword, object } from "../shape-object.ts";
import type { Span } from "../source.ts";
import { DOCKER_HINT, DOCKER_KEYWORD, IMAGE_KEYWORDS } from "./image.ts";
import { passOver } from "./leftovers.ts";
import { duration, plainText } from "./values.ts";
import { variables } from "./variables.ts";

/** Containers beside the job's. https://docs.gitlab.com/ci/services/ */

const HOUR_MS = 3_600_000;
const time = duration({ maximumMs: HOUR_MS, never: false });
const words = list(plainText, { noun: "a list of texts", single: true });

/** A text alone is one word of it, so that one of several words is a mistake. */
const command: typeof words = {
  ...words,
  schema: {
    anyOf: [
      { type: "string", pattern: "^\\S*$" },
      { type: "array", items: plainText.schema },
    ],
  },
  read(node, context) {
    if (node.kind !== "scalar" || typeof node.value !== "string" || !/\s/.test(node.value))
      return words.read(node, context);
    const shown = node.value.trim().slice(0, 80).split(/\s+/).join(", ");
    const message = "a command of several words must be a list";
    return context.report.error("CONFIG_INVALID_VALUE", node.span, message, `write one like [${shown}]`);
  },
};

export const healthcheck = object(
  {
    test: {
      shape: oneOf(plainText, list(plainText, { noun: "a list of texts", atLeast: 1 })),
      about: "The command that tells whether the service is ready: a text for its shell, or a list.",
      required: "say how to ask: test: pg_isready",
    },
    interval: { shape: time, about: "The time between two checks. Default: 1s." },
    timeout: { shape: time, about: "How long a check may take. Default: 10s." },
    retries: {
      shape: integer(1, 1000),
      about: "How many checks in a row may fail before the service counts as broken. Default: 120.",
    },
    start_period: { shape: time, about: "How long failed checks do not count. Default: none." },
  },
  { noun: "a mapping with test" },
);

const KEYS = {
  ...IMAGE_KEYWORDS,
  alias: {
    shape: list(text({ noun: "a host name", problem: aliasProblem, schema: { minLength: 1 } }), {
      noun: "a host name or a list of them",
      single: true,
    }),
    about: "Host names under which the job reaches the service, besides those made from the image's name.",
  },
  command: { shape: command, about: "Replaces the command of the image." },
  variables: { shape: variables, about: "Environment variables of the service, over those of the job." },
  healthcheck: { shape: healthcheck, about: "How to find out whether the service is ready." },
} satisfies Record<string, Keyword>;

const OPTIONS = { noun: "a mapping with name and alias", shorthand: "name" } as const;

const native = object(KEYS, { ...OPTIONS, elsewhere: DOCKER_HINT });
const gitlab = object({ ...KEYS, ...DOCKER_KEYWORD }, { ...OPTIONS, onUnknown: passOver("image") });

export const service: typeof gitlab = {
  ...native,
  read: (node, context) => (context.lax === true ? gitlab : native).read(node, context),
};

const each = list(service, { noun: "a list of services" });

export const services: typeof each = {
  ...each,
  read(node, context) {
    const read = each.read(node, context);
    if (read !== undefined && read.length > 1) warnOfNames(read, context);
    return read;
  },
};

/** GitLab takes several names in one text, separated by commas or spaces. */
export function aliasesOf(alias: readonly string[] | undefined): string[] {
  return (alias ?? []).flatMap((said) => said.split(/[\s,]+/)).filter((name) => name !== "");
}

function aliasProblem(value: string): TextProblem | undefined {
  const bad = value.split(/[\s,]+/).find((name) => !/^[A-Za-z0-9_${}][A-Za-z0-9_.${}-]{0,252}$/.test(name));
  if (bad === undefined) return undefined;
  return {
    message: `"${value.slice(0, 80)}" is no host name`,
    hint: "use letters, digits, dots and hyphens",
  };
}

/** Where one name stands for two services, or a service is left without any. */
function warnOfNames(
  read: { values: { name?: string; alias?: string[] }; keySpans: Map<string, Span>; span: Span }[],
  { report }: ReadContext,
): void {
  const named = read.map(({ values }) => ({ name: values.name ?? "", aliases: aliasesOf(values.alias) }));
  const all = serviceNames(named);
  const seen = new Set<string>();
  for (const [index, { keySpans, span }] of read.entries()) {
    const again = named[index]!.aliases.find((alias) => seen.has(alias));
    for (const alias of named[index]!.aliases) seen.add(alias);
    const shared = again ?? (all[index]!.length === 0 ? named[index]!.name : undefined);
    if (shared === undefined) continue;
    const at = keySpans.get(again === undefined ? "name" : "alias") ?? span;
    const message = `two services answer to "${shared}"`;
    report.warning("CONFIG_SERVICE_ALIAS", at, message, "give each an alias of its own");
  }
}
