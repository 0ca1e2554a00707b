import { toJsonSchema, toJsonSchemaDefs } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { PROBLEM, PROBLEM_MEDIA_TYPE } from "./problem.ts";
import type { BodySpec, ResponseSpec, Route } from "./route.ts";
import { ROUTES } from "./routes.ts";
import { DRY_RUN, JOB, LISTED_ARTIFACT, RUN, RUN_SUMMARY, STAGE } from "./shapes.ts";

type Json = Record<string, unknown>;

/** Schemas that stand once in the document, by name. */
const COMPONENTS: Record<string, v.GenericSchema> = {
  Run: RUN,
  RunSummary: RUN_SUMMARY,
  Stage: STAGE,
  Job: JOB,
  DryRun: DRY_RUN,
  ListedArtifact: LISTED_ARTIFACT,
  Problem: PROBLEM,
};

/** The OpenAPI 3.1 document of the whole API, made of the table of routes. */
export function makeOpenApi(version: string): Json & { openapi: string } {
  const paths: Record<string, Json> = {};
  for (const [name, route] of Object.entries<Route>(ROUTES)) {
    paths[route.path] ??= {};
    paths[route.path]![route.method.toLowerCase()] = operationOf(name, route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "cicd",
      version,
      description: "The API of a cicd server. Times are ISO 8601 UTC, durations milliseconds.",
    },
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: toJsonSchemaDefs(COMPONENTS, { ...CONVERSION, typeMode: "output" }),
      responses: {
        Problem: {
          description: "It did not succeed; `code` says why.",
          content: { [PROBLEM_MEDIA_TYPE]: { schema: refTo("Problem") } },
        },
      },
    },
  };
}

function operationOf(name: string, route: Route): Json {
  const parameters = [...parametersOf("path", route.params), ...parametersOf("query", route.query)];
  const isOpen = route.role === "none" || route.role === "signed";
  return {
    operationId: name,
    summary: route.summary,
    ...(isOpen ? { security: [] } : { "x-cicd-role": route.role }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined ? {} : { requestBody: requestBodyOf(route.body) }),
    responses: { ...responsesOf(route.response), default: { $ref: "#/components/responses/Problem" } },
  };
}

function parametersOf(place: "path" | "query", schema: v.GenericSchema | undefined): Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(schema, "output") as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: required.includes(name),
    schema: property,
  }));
}

function requestBodyOf(body: BodySpec): Json {
  switch (body.kind) {
    case "json":
      return { required: true, content: { "application/json": { schema: schemaOf(body.schema, "input") } } };
    case "stream":
      return { required: true, content: { [body.mediaType]: { schema: {} } } };
    case "raw":
      return { required: true, content: { "*/*": { schema: {} } } };
  }
}

function responsesOf(response: ResponseSpec): Json {
  switch (response.kind) {
    case "empty":
      return { [response.status]: { description: "Done" } };
    case "json": {
      const answer = {
        description: "Done",
        content: { "application/json": { schema: schemaOf(response.schema, "output") } },
      };
      const also = response.alsoStatus;
      return {
        [response.status]: answer,
        ...(also === undefined ? {} : { [also]: { ...answer, description: "Not ready" } }),
      };
    }
    case "bytes": {
      const content = Object.fromEntries(response.mediaTypes.map((type) => [type, { schema: {} }]));
      const events = Object.entries(response.events ?? {}).map(
        ([name, schema]) => [name, schemaOf(schema, "output")] as const,
      );
      return {
        [response.status]: {
          description: "The bytes",
          content,
          ...(events.length === 0 ? {} : { "x-cicd-messages": Object.fromEntries(events) }),
        },
      };
    }
  }
}

/** Checks that JSON Schema has no words for are left out. */
const CONVERSION = {
  errorMode: "ignore",
  target: "draft-2020-12",
  overrideRef: ({ referenceId }: { referenceId: string }) => `#/components/schemas/${referenceId}`,
} as const;

/** `input`: what may be sent; `output`: what is answered, or what a parameter means. */
function schemaOf(schema: v.GenericSchema, typeMode: "input" | "output"): Json {
  const converted = toJsonSchema(schema, { ...CONVERSION, typeMode, definitions: COMPONENTS }) as Json;
  const { $schema: _schema, $defs: _definitions, ...rest } = converted;
  return rest;
}

function refTo(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}
