import type { Diagnostic } from "./diagnostic.ts";
import { readDocument } from "./document.ts";
import { scalarText } from "./keywords/variables.ts";
import { variableNameProblem } from "./names.ts";
import { oneOf, truth, word } from "./shape.ts";
import { dictionary, object, type ReadObject } from "./shape-object.ts";
import { Report, type Source } from "./source.ts";
import { Suggester } from "./suggest.ts";

/** A variable of the user's own, for runs on their host. */
export interface OwnVariable {
  value: string;
  expand: boolean;
  file: boolean;
  masked: boolean;
}

const described = object(
  {
    value: { shape: scalarText, about: 'The value. Default: "".' },
    masked: { shape: truth(), about: "Whether it is a secret. Default: false." },
    type: { shape: word(["variable", "file"]), about: "What jobs find in it. Default: variable." },
    expand: { shape: truth(), about: "Whether $NAME in the value refers to other variables. Default: true." },
  },
  { noun: "a mapping with value and masked" },
);

type Described = ReadObject<{
  value?: string;
  masked?: boolean;
  type?: "variable" | "file";
  expand?: boolean;
}>;

const FILE = dictionary<string | Described>({
  noun: "a mapping of variables",
  of: oneOf<string, Described>(scalarText, described),
  keyProblem: variableNameProblem,
  keySchema: {},
});

/** `NAME: value` or `NAME: { value, masked, type, expand }`; an empty file has none. */
export function readVariablesFile(
  file: string,
  text: string,
): { variables: Map<string, OwnVariable>; diagnostics: Diagnostic[] } {
  const source: Source = { file, text: text.replace(/^\ufeff/, "") };
  const report = new Report();
  const variables = new Map<string, OwnVariable>();
  if (source.text.split("\n").every((line) => /^\s*(#|$)/.test(line))) return { variables, diagnostics: [] };
  const root = readDocument(source, report);
  const read = root && FILE.read(root, { report, suggester: new Suggester() });
  for (const [name, { value }] of read ?? []) if (value !== undefined) variables.set(name, toOwn(value));
  return { variables, diagnostics: report.sorted([source]) };
}

function toOwn(value: string | Described): OwnVariable {
  if (typeof value === "string") return { value, expand: true, file: false, masked: false };
  const { value: text = "", masked = false, type, expand = true } = value.values;
  return { value: text, expand, file: type === "file", masked };
}
