import type { JsonSchema } from "../../src/pipeline/shape.ts";

/** A place of the document where the JSON Schema says what may stand. */
export interface Place {
  /** Such as `jobs.*.image.name`; `[]` is an item. */
  path: string;
  schema: JsonSchema;
  /** The smallest document with this value in the place. */
  put(value: unknown): unknown;
}

/** Every place below the schema's root, each once per alternative in which it may stand. */
export function placesOf(root: JsonSchema, base: Record<string, unknown>): Place[] {
  const places: Place[] = [];
  const smallest = smallestOf(root);
  visit({ path: "", schema: root, put: (value) => ({ ...base, ...(value as object) }) }, 0);
  return places;

  function visit({ path, schema, put }: Place, depth: number): void {
    const resolved = resolve(root, schema);
    if (path !== "") places.push({ path, schema, put });
    if (depth > 12 || schema.$ref !== undefined) return;
    for (const branch of branchesOf(resolved)) visitBelow({ path, schema: branch, put }, depth);
  }

  function visitBelow({ path, schema, put }: Place, depth: number): void {
    const beside = isMap(schema) && path !== "" ? (smallest(schema) as Record<string, unknown>) : {};
    for (const [key, below] of Object.entries(schema.properties ?? {})) {
      if (below === true) continue;
      const place = path === "" ? key : `${path}.${key}`;
      visit({ path: place, schema: below, put: (value) => put({ ...beside, [key]: value }) }, depth + 1);
    }
    const others = schema.additionalProperties;
    if (typeof others === "object" && others !== null) {
      const put1 = (value: unknown) => put({ A: value });
      visit({ path: `${path}.*`, schema: others as JsonSchema, put: put1 }, depth + 1);
    }
    if (schema.items !== undefined) {
      const put1 = (value: unknown) => put([value]);
      visit({ path: `${path}[]`, schema: schema.items as JsonSchema, put: put1 }, depth + 1);
    }
  }
}

function isMap(schema: JsonSchema): boolean {
  return schema.properties !== undefined;
}

function branchesOf(schema: JsonSchema): JsonSchema[] {
  const branches = (schema.anyOf ?? []) as JsonSchema[];
  const isChoiceOfShapes = branches.length > 0 && schema.properties === undefined;
  return isChoiceOfShapes ? branches.flatMap(branchesOf) : [schema];
}

function resolve(root: JsonSchema, schema: JsonSchema): JsonSchema {
  if (typeof schema.$ref !== "string") return schema;
  return (root.$defs as Record<string, JsonSchema>)[schema.$ref.replace("#/$defs/", "")]!;
}

/** Texts of which every pattern of the language fits one, and misses one. */
export const TEXTS = [
  "x",
  "",
  " ",
  " x ",
  "a b",
  "on_success",
  "always",
  "never",
  "5m",
  "1 day",
  "0s",
  "$X",
  "$X == 1",
  "/a(b)/",
  "0 0 * * *",
  "Europe/Berlin",
  "https://example.org",
  "A=1",
  "a\u0000b",
  "..",
  "../x",
  "!x",
  "x".repeat(300),
];

/** The smallest value that a schema takes. */
export function smallestOf(root: JsonSchema): (schema: JsonSchema) => unknown {
  const smallest = (unresolved: JsonSchema): unknown => {
    const schema = resolve(root, unresolved);
    if (schema.const !== undefined) return schema.const;
    if (Array.isArray(schema.enum)) return schema.enum[0];
    if (schema.properties !== undefined) return smallestMap(schema);
    if (Array.isArray(schema.anyOf)) return smallest(schema.anyOf[0]);
    const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
    if (type === "array") return schema.minItems === undefined ? [] : [smallest(schema.items as JsonSchema)];
    if (type === "object")
      return schema.minProperties === undefined
        ? {}
        : { A: smallest(schema.additionalProperties as JsonSchema) };
    if (type === "boolean") return true;
    if (type === "integer" || type === "number") return schema.minimum ?? 1;
    return TEXTS.find((text) => fits(text, schema));
  };
  const smallestMap = (schema: JsonSchema) => {
    const properties = schema.properties as Record<string, JsonSchema>;
    const made = requiredKeys(schema).map((key) => [key, smallest(properties[key]!)]);
    return Object.fromEntries(made);
  };
  return smallest;
}

/** One key of every choice, and of several demands the last one: what is no template. */
function requiredKeys(schema: JsonSchema): string[] {
  const own = (schema.required ?? []) as string[];
  const all = ((schema.allOf ?? []) as JsonSchema[]).flatMap(requiredKeys);
  const some = (schema.anyOf as JsonSchema[] | undefined)?.at(schema.properties === undefined ? 0 : -1);
  return [...own, ...all, ...(some === undefined ? [] : requiredKeys(some))];
}

function fits(text: string, { pattern, minLength = 0, maxLength = 1e9 }: JsonSchema): boolean {
  if (text.length < (minLength as number) || text.length > (maxLength as number)) return false;
  return pattern === undefined || new RegExp(pattern as string, "u").test(text);
}
