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

  test("knows the keys that the parser knows, each with a description", () => {
    const { jobs, default: defaults } = properties(schema);
    const job = jobs.additionalProperties;
    const inJob = properties(job);
    const lastAlternative = (value: Schema) => value.anyOf!.at(-1)!;
    const events = lastAlternative(properties(schema).on);
    const inOn = properties(events);
    const inRule = properties(lastAlternative(inJob.rules.items));
    const inWorkflow = properties(properties(schema).workflow);
    const inVariable = properties(lastAlternative(inJob.variables.additionalProperties));
    const inCache = properties(inJob.cache.anyOf[0]);
    const inEnvironment = properties(lastAlternative(inJob.environment));
    const inService = properties(lastAlternative(inJob.services.items));
    const seen = {
      pipeline: Object.keys(properties(schema)),
      job: Object.keys(inJob),
      default: Object.keys(properties(defaults)),
      image: Object.keys(properties(lastAlternative(inJob.image))),
      service: Object.keys(inService),
      healthcheck: Object.keys(properties(inService.healthcheck)),
      hooks: Object.keys(properties(inJob.hooks)),
      artifacts: Object.keys(properties(inJob.artifacts)),
      cache: Object.keys(inCache),
      cache_key: Object.keys(properties(lastAlternative(inCache.key))),
      retry: Object.keys(properties(lastAlternative(inJob.retry))),
      need: Object.keys(properties(lastAlternative(inJob.needs.items))),
      rule: Object.keys(inRule),
      workflow: Object.keys(inWorkflow),
      workflow_rule: Object.keys(properties(lastAlternative(inWorkflow.rules.items))),
      parallel: Object.keys(properties(lastAlternative(inJob.parallel))),
      inherit: Object.keys(properties(inJob.inherit)),
      environment: Object.keys(inEnvironment),
      trigger: Object.keys(properties(inJob.trigger)),
      forward: Object.keys(properties(properties(inJob.trigger).forward)),
      variable: Object.keys(inVariable),
      on: Object.keys(inOn),
      push: Object.keys(properties(lastAlternative(inOn.push))),
      tag: Object.keys(properties(lastAlternative(inOn.tag))),
      pull_request: Object.keys(properties(lastAlternative(inOn.pull_request))),
      schedule: Object.keys(properties(inOn.schedule.items)),
    };
    expect(seen).toEqual(KEYWORDS as unknown as typeof seen);
    for (const value of [
      ...Object.values(properties(schema)),
      ...Object.values(inJob),
      ...Object.values(inOn),
      ...Object.values(inRule),
      ...Object.values(inWorkflow),
      ...Object.values(inVariable),
      ...Object.values(inCache),
      ...Object.values(inService),
      ...Object.values(inEnvironment),
    ]) {
      expect(String(value.description).length).toBeGreaterThan(10);
    }
  });

  test("lets an unknown key of each kind fail, as the parser does", () => {
    const base = { name: "x", jobs: { a: { stage: "build", script: "ls", image: "busybox" } } };
    const job = base.jobs.a;
    const places: Record<string, unknown> = {
      pipeline: { ...base, zzz: 1 },
      job: { ...base, jobs: { a: { ...job, zzz: 1 } } },
      default: { ...base, default: { zzz: 1 } },
      image: { ...base, jobs: { a: { ...job, image: { name: "x", zzz: 1 } } } },
      service: { ...base, jobs: { a: { ...job, services: [{ name: "x", zzz: 1 }] } } },
      healthcheck: {
        ...base,
        jobs: { a: { ...job, services: [{ name: "x", healthcheck: { test: "x", zzz: 1 } }] } },
      },
      hooks: { ...base, jobs: { a: { ...job, hooks: { zzz: 1 } } } },
      artifacts: { ...base, jobs: { a: { ...job, artifacts: { paths: ["x"], zzz: 1 } } } },
      cache: { ...base, jobs: { a: { ...job, cache: { paths: ["x"], zzz: 1 } } } },
      cache_key: { ...base, jobs: { a: { ...job, cache: { paths: ["x"], key: { files: ["y"], zzz: 1 } } } } },
      retry: { ...base, jobs: { a: { ...job, retry: { max: 1, zzz: 1 } } } },
      need: { ...base, jobs: { a: { ...job, needs: [{ job: "b", optional: true, zzz: 1 }] } } },
      rule: { ...base, jobs: { a: { ...job, rules: [{ when: "always", zzz: 1 }] } } },
      workflow: { ...base, workflow: { rules: [], zzz: 1 } },
      workflow_rule: { ...base, workflow: { rules: [{ when: "always", zzz: 1 }] } },
      parallel: { ...base, jobs: { a: { ...job, parallel: { matrix: [{ A: "1" }], zzz: 1 } } } },
      inherit: { ...base, jobs: { a: { ...job, inherit: { default: true, zzz: 1 } } } },
      trigger: { ...base, jobs: { a: { stage: "build", trigger: { include: "x.yml", zzz: 1 } } } },
      forward: {
        ...base,
        jobs: { a: { stage: "build", trigger: { include: "x.yml", forward: { zzz: 1 } } } },
      },
      environment: { ...base, jobs: { a: { ...job, environment: { name: "x", zzz: 1 } } } },
      variable: { ...base, variables: { A: { value: "1", zzz: 1 } } },
      on: { ...base, on: { manual: true, zzz: 1 } },
      push: { ...base, on: { push: { zzz: 1 } } },
      tag: { ...base, on: { tag: { zzz: 1 } } },
      pull_request: { ...base, on: { pull_request: { zzz: 1 } } },
      schedule: { ...base, on: { schedule: [{ cron: "0 0 * * *", zzz: 1 }] } },
    };
    expect(Object.keys(places)).toEqual(Object.keys(KEYWORDS));
    expect(validate(base)).toBe(true);
    for (const data of Object.values(places)) {
      expect(validate(data)).toBe(false);
      const { diagnostics } = parsePipeline(JSON.stringify(data), { file: "x" });
      expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([
        'CONFIG_UNKNOWN_KEY unknown key "zzz"',
      ]);
    }
  });
});

interface Schema {
  properties?: Record<string, Schema>;
  anyOf?: Schema[];
  description?: unknown;
  [keyword: string]: unknown;
}

// biome-ignore lint/suspicious/noExplicitAny: a schema is walked here, whatever is in it
function properties(value: any): Record<string, any> {
  return value.properties;
}

/** JSON knows text keys only. */
function stringKeys(data: unknown): unknown {
  return JSON.parse(JSON.stringify(data));
}
