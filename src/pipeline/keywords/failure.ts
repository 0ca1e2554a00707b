import { RETRY_WHEN } from "../pipeline.ts";
import { integer, list, oneOf, truth, word } from "../shape.ts";
import { object } from "../shape-object.ts";
import { exitCodes } from "./values.ts";

export const retry = object(
  {
    max: {
      shape: integer(0, 2),
      about: "Further attempts after a failure: 0, 1 or 2.",
      required: "say how often: max: 1",
    },
    when: {
      shape: list(word(RETRY_WHEN), { noun: "a reason or a list of reasons", atLeast: 1, single: true }),
      about: "Only after failures of these kinds.",
    },
    exit_codes: { shape: exitCodes, about: "Only after these exit codes." },
  },
  { noun: "a mapping with max, when and exit_codes", shorthand: "max" },
);

export const allowFailure = oneOf(
  truth(),
  object(
    {
      exit_codes: {
        shape: exitCodes,
        about: "Only these exit codes are allowed.",
        required: "exit_codes: [137]",
      },
    },
    { noun: "a mapping with exit_codes" },
  ),
);
