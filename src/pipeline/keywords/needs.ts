import { located, truth } from "../shape.ts";
import { object } from "../shape-object.ts";
import { name } from "./values.ts";

export const need = object(
  {
    job: {
      shape: located(name("a job's name")),
      about: "The job needed.",
      required: "name the job: job: compile",
    },
    artifacts: { shape: truth(), about: "Whether its artifacts are fetched. Default: true." },
    optional: { shape: truth(), about: "Whether the job may be absent. Default: false." },
  },
  { noun: "a mapping with job, artifacts and optional", shorthand: "job" },
);
