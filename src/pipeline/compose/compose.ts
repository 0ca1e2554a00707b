import type { YamlFile } from "../document.ts";
import type { Facts } from "../facts.ts";
import type { Form } from "../pipeline.ts";
import type { ReadContext } from "../shape.ts";
import type { Composer } from "./composer.ts";
import { isHidden, jobsOf } from "./jobs-of.ts";

/** What included files look at. `predefined` null: not fetched, as `run` then. */
export type ComposeFacts = Pick<Facts, "run" | "files" | "changed"> & {
  predefined: Facts["predefined"] | null;
};

export const NO_COMPOSE_FACTS: ComposeFacts = { predefined: null, run: {}, files: null, changed: {} };

/** A file of the tree as it was fetched, or why it cannot be read. */
export type FileText = { text: string } | { problem: string };

export interface ComposeOptions {
  form: Form;
  /** By path from the top of the tree. Absent: not fetched yet. */
  files: ReadonlyMap<string, FileText>;
  facts: ComposeFacts;
}

/**
 * What must be fetched before a document is whole. `globs`: every path of the tree (`Facts.files`). `facts`: the variables that
 * includes may name. `changed`: keys of `Facts.changed`.
 */
export interface FilesWanted {
  paths: string[];
  globs: boolean;
  facts: boolean;
  changed: string[];
}

/** The composer; loaded for the first file that needs it. */
export function openComposer(options: ComposeOptions, context: ReadContext): Composer {
  const { Composer } = require("./composer.ts") as typeof import("./composer.ts");
  return new Composer(options, context);
}

/** Whether a file is more than its own document. */
export function isComposed({ header, root }: YamlFile, form: Form): boolean {
  if (root.kind !== "map") return false;
  if (header !== undefined || root.entries.has("include") || root.entries.has("spec")) return true;
  const { text } = root.span.source;
  if (text.includes("!reference") || text.includes("$[[")) return true;
  for (const [name, { value }] of jobsOf(root, form))
    if (isHidden(name) || (value.kind === "map" && value.entries.has("extends"))) return true;
  return false;
}
