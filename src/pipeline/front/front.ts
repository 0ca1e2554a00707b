import type { Node } from "../node.ts";
import type { Form, Pipeline } from "../pipeline.ts";
import type { Located, ReadContext, Shape } from "../shape.ts";
import { NATIVE } from "./native.ts";

/** One form of the language: how a composed document becomes a pipeline. */
export interface Front {
  /** Of the whole document, for overrides. */
  shape: Shape<unknown>;
  /** Reports every problem. `name` where it is known, in a broken file too. */
  read(document: Node, options: FrontOptions, context: ReadContext): FrontResult;
}

export interface FrontOptions {
  file: string;
  /** False where jobs run without containers. */
  imageRequired: boolean;
  /** Of jobs without an image. */
  defaultImage: string | undefined;
  /** The pipelines that its trigger jobs start, by the job's name. */
  children: ReadonlyMap<string, Pipeline>;
}

export const NO_CHILDREN: ReadonlyMap<string, Pipeline> = new Map();

/** `pipeline` undefined: an error was reported. */
export interface FrontResult {
  name: Located<string> | undefined;
  pipeline: Pipeline | undefined;
}

/** GitLab's is loaded when the first file of that form is read. */
export function frontOf(form: Form): Front {
  return form === "native" ? NATIVE : (require("./gitlab.ts") as typeof import("./gitlab.ts")).GITLAB;
}

/** By the name of the file: `.gitlab-ci.yml` is GitLab's wherever it lies. */
export function formOf(file: string): Form {
  return /(^|[\\/])\.gitlab-ci\.ya?ml$/.test(file) ? "gitlab" : "native";
}
