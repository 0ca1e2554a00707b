import { nameProblem, type TextProblem } from "../names.ts";
import { text, word } from "../shape.ts";
import { object } from "../shape-object.ts";
import { passOver } from "./leftovers.ts";

function addressProblem(value: string): TextProblem | undefined {
  if (value.trim() !== "" && !/[\u0000-\u001f\u007f]/.test(value)) return undefined;
  return {
    message: "the address is empty or holds a control character",
    hint: "write it like https://$CI_ENVIRONMENT_SLUG.example.org",
  };
}

export const environment = object(
  {
    name: {
      shape: text({ noun: "the name of an environment", code: "CONFIG_INVALID_NAME", problem: nameProblem }),
      about: "What the job deploys to, such as production or review/$CI_COMMIT_REF_SLUG.",
      required: "name what the job deploys to: name: production",
    },
    url: {
      shape: text({ noun: "an address", problem: addressProblem }),
      about: "Where it can be reached; may refer to $CI_ENVIRONMENT_SLUG.",
    },
    action: {
      shape: word(["start", "prepare", "stop", "verify", "access"]),
      about: "What the job does with it. Default: start.",
    },
    deployment_tier: {
      shape: word(["production", "staging", "testing", "development", "other"]),
      about: "What kind of environment it is. Default: by its name.",
    },
  },
  { noun: "a mapping with name and url", shorthand: "name", onUnknown: passOver("environment") },
);
