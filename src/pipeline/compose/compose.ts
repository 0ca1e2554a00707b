import type { Facts } from "../facts.ts";
import type { Node } from "../node.ts";
import type { Form } from "../pipeline.ts";
import type { ReadContext } from "../shape.ts";
import type { Source } from "../source.ts";
import { isHidden, jobsOf } from "./jobs-of.ts";

/** What included files look at. */
export type ComposeFacts = Pick<Facts, "predefined" | "run" | "files">;

/** A file of the tree as it was fetched, or why it cannot be read. */
export type FileText = { text: string } | { problem: string };

export interface ComposeOptions {
  form: Form;
  /** By path from the top of the tree. Absent: not fetched yet. */
  files: ReadonlyMap<string, FileText>;
  facts: ComposeFacts;
}

/** What must be fetched before a document is whole. `globs`: every path of the tree (`Facts.files`). */
export interface FilesWanted {
  paths: string[];
  globs: boolean;
}

export interface Composition {
  /** Without includes, templates, inputs and references. Undefined: a problem was reported, or something is wanted. */
  node: Node | undefined;
  /** Of the included files, in the order of their first use. */
  sources: Source[];
  /** Null: nothing. */
  wanted: FilesWanted | null;
}

/** The document that a file and what it includes make together. One that is whole by itself is handed back. */
export function compose(root: Node, options: ComposeOptions, context: ReadContext): Composition {
  if (!isComposed(root, options)) return { node: root, sources: [], wanted: null };
  const { composeParts } = require("./compose-parts.ts") as typeof import("./compose-parts.ts");
  return composeParts(root, options, context);
}

function isComposed(root: Node, { form }: ComposeOptions): boolean {
  if (root.kind !== "map") return false;
  if (root.entries.has("include") || root.entries.has("spec")) return true;
  const { text } = root.span.source;
  if (text.includes("!reference")) return true;
  for (const [name, { value }] of jobsOf(root, form))
    if (isHidden(name) || (value.kind === "map" && value.entries.has("extends"))) return true;
  return false;
}
