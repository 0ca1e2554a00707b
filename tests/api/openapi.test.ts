import { describe, expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { makeOpenApi } from "../../src/api/openapi.ts";
import { ROUTES } from "../../src/api/routes.ts";

describe("the OpenAPI document", () => {
  const document = makeOpenApi("1.2.3");

  test("is valid OpenAPI 3.1", async () => {
    const validator = new Validator();
    const result = await validator.validate(structuredClone(document));
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
    expect(validator.version).toBe("3.1");
  });

  test("describes every route of the table with the role it wants", () => {
    const paths = document.paths as Record<string, Record<string, Record<string, unknown>>>;
    for (const [name, route] of Object.entries(ROUTES)) {
      const operation = paths[route.path]?.[route.method.toLowerCase()];
      expect(operation?.operationId).toBe(name);
      const isOpen = route.role === "none" || route.role === "signed";
      expect(operation?.security).toEqual(isOpen ? [] : undefined);
      expect(operation?.["x-cicd-role"]).toBe(isOpen ? undefined : route.role);
    }
    const count = Object.values(paths).flatMap((methods) => Object.keys(methods)).length;
    expect(count).toBe(Object.keys(ROUTES).length);
  });

  test("has no reference that leads nowhere, and each path parameter once", () => {
    const text = JSON.stringify(document);
    const { schemas, responses } = document.components as Record<string, Record<string, unknown>>;
    for (const [, kind, name] of text.matchAll(/"#\/components\/(schemas|responses)\/(\w+)"/g)) {
      expect(Object.keys(kind === "schemas" ? schemas! : responses!)).toContain(name!);
    }
    for (const [path, methods] of Object.entries(document.paths as Record<string, object>)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const operation of Object.values(methods) as { parameters?: { in: string; name: string }[] }[]) {
        const described = (operation.parameters ?? [])
          .filter((one) => one.in === "path")
          .map((one) => one.name);
        expect(described).toEqual(named as string[]);
      }
    }
  });
});
