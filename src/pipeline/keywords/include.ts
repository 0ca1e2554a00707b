import { word } from "../shape.ts";
import { object } from "../shape-object.ts";
import { clauses, flatList } from "./rules.ts";

/** Whether an included file takes part. */
const includeRule = object(
  { ...clauses, when: { shape: word(["always", "never"]), about: "Default: always." } },
  { noun: "a mapping with if, changes, exists and when" },
);

export const includeRules = flatList(includeRule, "a list of rules");
