import { variableNameProblem } from "../names.ts";
import { list, text } from "../shape.ts";

/** Names alone: values are set with `cicd secret set`. */
export const secrets = list(
  text({
    noun: "the name of a secret",
    code: "CONFIG_INVALID_NAME",
    problem: variableNameProblem,
    schema: { pattern: "^[A-Za-z_][A-Za-z0-9_]{0,254}$" },
  }),
  { noun: "a list of names" },
);
