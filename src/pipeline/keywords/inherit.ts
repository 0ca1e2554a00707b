import { list, oneOf, truth, word } from "../shape.ts";
import { object } from "../shape-object.ts";
import { plainText } from "./values.ts";

/** What a job takes of the file's defaults and variables. `keys`: those that `default` may hold. */
export const inheritOf = <K extends string>(keys: readonly K[]) =>
  object(
    {
      default: {
        shape: oneOf(truth(), list(word(keys), { noun: "a list of keys" })),
        about: "Which keys of default the job takes: true, false, or a list. Default: true.",
      },
      variables: {
        shape: oneOf(truth(), list(plainText, { noun: "a list of names" })),
        about: "Which variables of the pipeline the job gets: true, false, or a list. Default: true.",
      },
    },
    { noun: "a mapping with default and variables" },
  );
