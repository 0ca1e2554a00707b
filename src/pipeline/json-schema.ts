import { PIPELINE } from "./keywords/native.ts";
import type { JsonSchema } from "./shape.ts";
import { COMMANDS_SCHEMA } from "./shape-script.ts";

/**
 * The JSON Schema (draft 2020-12) of the pipeline file, for editors: made from the table that the parser reads by. It
 * cannot say what concerns several values at once (unknown stages and needs, circles, missing images).
 */
export function pipelineJsonSchema(): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "cicd pipeline",
    description: "A pipeline file, .cicd-pipelines/NAME.yml",
    ...PIPELINE.schema,
    $defs: { commands: COMMANDS_SCHEMA },
  };
}
