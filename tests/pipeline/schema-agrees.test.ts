import { describe, expect, test } from "bun:test";
import Ajv2020 from "ajv/dist/2020";
import type { Diagnostic } from "../../src/pipeline/diagnostic.ts";
import { pipelineJsonSchema } from "../../src/pipeline/json-schema.ts";
import { parsePipeline } from "../../src/pipeline/parse-pipeline.ts";
import { type Place, placesOf, smallestOf, TEXTS } from "./schema-places.ts";

const schema = pipelineJsonSchema();
const isValid = new Ajv2020({ allowUnionTypes: true, strict: true, strictTypes: false }).compile(schema);
const smallest = smallestOf(schema);
const BASE = { name: "x", jobs: { a: { stage: "build", script: "ls" } } };

/** Of every kind: most are wrong in most places, each is right in some. */
const PROBES: unknown[] = [
  ...[null, true, 0, 1, 2, -1, 1.5, 256, 1e9, [], {}, [[]], [null], [1], ["x"], ["x", ""], [{}]],
  ...[{ zzz: 1 }, [{ zzz: 1 }], { "": 1 }, { "a b": "x" }],
  ...TEXTS,
];

/** Of a schema that was met elsewhere: whether it holds here, too. */
const FEW_PROBES: unknown[] = [null, { zzz: 1 }];

/** Of keys, kinds of values and words, as the schema is; how a text has to look inside, and what else has to stand in the file, it need not say. */
function isOfStructure({ code, message }: Diagnostic): boolean {
  if (["CONFIG_UNKNOWN_KEY", "CONFIG_MISSING_KEY", "CONFIG_WRONG_TYPE"].includes(code)) return true;
  return / is not (one of |a known word|a whole number)/.test(message);
}

/** Composition reads them, before any shape; see the cases `include-*`. */
const COMPOSED = /(^|\.)(include|inputs)\b/;

/** Rules may be nested up to ten levels; below two the schema takes any list. */
const DEEP_LISTS = "[[[";

describe("schema and parser agree", () => {
  const places = Map.groupBy(placesOf(schema, BASE), ({ path }) => path);
  const met = new Set<string>();
  for (const [path, alternatives] of places) {
    if (COMPOSED.test(path)) continue;
    const probes = alternatives.map((place): [Place, unknown[]] => {
      const key = JSON.stringify(place.schema);
      const isNew = !met.has(key);
      met.add(key);
      return [place, [smallest(place.schema), ...(isNew ? PROBES : FEW_PROBES)]];
    });
    test(`about ${path}`, () => {
      const found = probes.flatMap(([{ put }, values]) => values.map((value) => disagreement(put(value))));
      expect(found.filter((told) => told !== undefined)).toEqual([]);
    });
  }
});

function disagreement(document: unknown): string | undefined {
  const text = JSON.stringify(document);
  if (text.includes(DEEP_LISTS)) return undefined;
  const { diagnostics } = parsePipeline(text, { file: "x.yml", imageRequired: false });
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  const agree = isValid(document) ? !errors.some(isOfStructure) : diagnostics.length > 0;
  if (agree) return undefined;
  const said = errors.map(({ code, message }) => `${code} ${message}`).join(", ");
  return `parser: ${said || "fine"}; schema: ${isValid.errors?.[0]?.message ?? "fine"}; ${text}`;
}
