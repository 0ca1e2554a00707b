import type { Node } from "./node.ts";
import { type JsonSchema, quoteHint, type ReadContext, type Shape, wrongType } from "./shape.ts";

export const MAX_SCRIPT_NESTING = 10;

const NOUN = "a command or a list of commands";

/** A text, or lists of texts nested up to ten levels, read as one flat list. `required`: at least one command. */
export function script(options: { required: boolean }): Shape<string[]> {
  return {
    noun: NOUN,
    schema: scriptSchema(options.required),
    accepts: (node) => node.kind === "list" || (node.kind === "scalar" && typeof node.value === "string"),
    read(node, context) {
      const commands: string[] = [];
      if (!flatten(node, 0, commands, context)) return undefined;
      if (options.required && commands.every((command) => command.trim() === "")) {
        const message = "the script has no command";
        return context.report.error(
          "CONFIG_EMPTY_SCRIPT",
          node.span,
          message,
          'a job that does nothing runs "true", in quotes',
        );
      }
      return commands;
    },
  };
}

function flatten(node: Node, level: number, commands: string[], context: ReadContext): boolean {
  if (node.kind === "list") {
    if (level >= MAX_SCRIPT_NESTING) {
      const message = `a script is nested deeper than ${MAX_SCRIPT_NESTING} lists`;
      context.report.error("CONFIG_INVALID_VALUE", node.span, message, "flatten it");
      return false;
    }
    let fine = true;
    for (const item of node.items) fine = flatten(item, level + 1, commands, context) && fine;
    return fine;
  }
  if (node.kind === "scalar" && typeof node.value === "string") {
    if (!node.value.includes("\0")) {
      commands.push(node.value);
      return true;
    }
    context.report.error(
      "CONFIG_INVALID_VALUE",
      node.span,
      "a command holds a NUL character",
      "no shell can take it: remove it",
    );
    return false;
  }
  if (level === 0 && node.kind === "scalar" && node.value === null) {
    context.report.error(
      "CONFIG_EMPTY_SCRIPT",
      node.span,
      "the script has no command",
      "write a command, or a list of commands",
    );
    return false;
  }
  wrongType(node, level === 0 ? NOUN : "a command", context, commandHint(node));
  return false;
}

function commandHint(node: Node): string | undefined {
  if (node.kind === "map") return 'a command that holds ": " must be put in quotes';
  if (node.kind === "scalar" && node.value === null) return "remove the item, or write a command";
  return quoteHint(node);
}

function scriptSchema(required: boolean): JsonSchema {
  if (!required) return { $ref: "#/$defs/commands" };
  return {
    anyOf: [
      { type: "string", pattern: "\\S" },
      { type: "array", items: { $ref: "#/$defs/commands" }, minItems: 1 },
    ],
  };
}

/** `#/$defs/commands` of the JSON Schema: a command, or a list of such. The limit of nesting is left to the reader. */
export const COMMANDS_SCHEMA: JsonSchema = {
  anyOf: [{ type: "string" }, { type: "array", items: { $ref: "#/$defs/commands" } }],
};
