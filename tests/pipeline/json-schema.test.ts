import { describe, expect, test } from "bun:test";
import Ajv2020 from "ajv/dist/2020";
import { parse } from "yaml";
import { pipelineJsonSchema } from "../../src/pipeline/json-schema.ts";
import { KEYWORDS } from "../../src/pipeline/keywords/native.ts";
import { parsePipeline } from "../../src/pipeline/parse-pipeline.ts";
import { goldenCases } from "./golden.ts";

const schema = pipelineJsonSchema();
const validate = new Ajv2020({ allowUnionTypes: true, strict: true, strictTypes: false }).compile(schema);

/** Problems that no schema of single values can see. */
const BEYOND_A_SCHEMA = new Set([
  "CONFIG_DUPLICATE_KEY",
  "CONFIG_MISSING_IMAGE",
  "CONFIG_UNKNOWN_STAGE",
  "CONFIG_UNKNOWN_NEED",
  "CONFIG_NEED_LATER_STAGE",
  "CONFIG_CYCLE",
  "CONFIG_TOO_DEEP",
  "CONFIG_TOO_MANY_ALIASES",
  "CONFIG_TOO_MANY_JOBS",
  "CONFIG_INVALID_IMAGE",
  "CONFIG_INVALID_SCHEDULE",
  "CONFIG_INVALID_DURATION",
  "CONFIG_FORBIDDEN_KEY",
]);
const BEYOND_BY_NAME = new Set([
  "only-templates",
  "script-too-nested",
  "key-that-is-a-list",
  "merge-of-a-list",
]);

/** A part of a file is judged with what it is put together with, which no schema does. */
const IS_COMPOSED = /!reference|\b(extends|include|spec):/;

/** What an editor sees of a text: aliases and merges resolved. */
function dataOf(text: string): unknown {
  return parse(text.replace(/^\ufeff/, ""), {
    merge: true,
    uniqueKeys: false,
    maxAliasCount: 1e6,
    logLevel: "error",
  });
}

describe("the JSON Schema", () => {
  for (const { name, text } of goldenCases()) {
    const { pipeline, diagnostics } = parsePipeline(text, { file: name });
    const codes = diagnostics.map(({ code }) => code);
    if (codes.includes("GITLAB_LEFTOVER")) continue;
    if (pipeline === undefined && (codes.includes("CONFIG_SYNTAX") || BEYOND_BY_NAME.has(name))) continue;
    if (IS_COMPOSED.test(text)) continue;
    const structural = codes.some((code) => !BEYOND_A_SCHEMA.has(code));
    if (pipeline === undefined && !structural) continue;
    const data = dataOf(text);
    if (pipeline !== undefined) {
      test(`accepts ${name}`, () => {
        expect(validate(stringKeys(data)) ? [] : validate.errors).toEqual([]);
      });
    } else {
      test(`refuses ${name}`, () => expect(validate(stringKeys(data))).toBe(false));
    }
  }

  test("describes the keys that the parser knows, mapping by mapping", () => {
    const mappings = mappingsOf(schema);
    const known = new Set(mappings.map((keys) => Object.keys(keys).join()));
    expect(Object.entries(KEYWORDS).filter(([, keys]) => !known.has(keys.join()))).toEqual([]);
    const bare = mappings.flatMap((keys) =>
      Object.entries(keys).filter(([, { description }]) => String(description ?? "").length <= 10),
    );
    expect(bare).toEqual([]);
  });
});

interface Described {
  description?: unknown;
}

/** The properties of every mapping that the schema describes. */
function mappingsOf(value: unknown): Record<string, Described>[] {
  if (typeof value !== "object" || value === null) return [];
  const below = Object.values(value).flatMap(mappingsOf);
  const isMapping = "additionalProperties" in value && value.additionalProperties === false;
  return isMapping && "properties" in value
    ? [value.properties as Record<string, Described>, ...below]
    : below;
}

/** JSON knows text keys only. */
function stringKeys(data: unknown): unknown {
  return JSON.parse(JSON.stringify(data));
}
