import type { Node } from "../node.ts";
import type { Report, Span } from "../source.ts";

/** Nodes that templates, references and inputs may add to what the files hold, counted as if each were written out. */
export const MAX_ADDED_NODES = 250_000;
/** Files that one pipeline may include, counted as often as they are. */
export const MAX_INCLUDES = 150;
/** Of all included files together. */
export const MAX_INCLUDED_CHARACTERS = 4 * 1024 * 1024;
/** Files that include files. */
export const MAX_LEVELS = 10;

/** What composition has made so far; it stops once that is too much, which is reported once. */
export class Budget {
  isSpent = false;
  private nodes = 0;
  private characters = 0;

  constructor(private readonly report: Report) {}

  /** False where there is no more. */
  take(nodes: number, span: Span): boolean {
    this.nodes += nodes;
    if (this.nodes > MAX_ADDED_NODES && !this.isSpent) {
      this.isSpent = true;
      const message = `templates, references and inputs make more than ${MAX_ADDED_NODES} values`;
      this.report.error("CONFIG_TOO_MANY_ALIASES", span, message, "write smaller templates, or use fewer");
    }
    return !this.isSpent;
  }

  /** Of texts that inputs are put into. */
  takeCharacters(characters: number, span: Span): boolean {
    this.characters += characters;
    return this.characters <= MAX_INCLUDED_CHARACTERS ? !this.isSpent : this.take(MAX_ADDED_NODES + 1, span);
  }

  /** Takes what stands in a document more than once. */
  takeShared(root: Node): boolean {
    const sizes = new Map<Node, number>();
    const whole = measure(root, sizes);
    return this.take(whole - sizes.size, root.span);
  }
}

/** Nodes below and with one, shared ones as often as they stand there. */
function measure(node: Node, sizes: Map<Node, number>): number {
  const known = sizes.get(node);
  if (known !== undefined) return known;
  let size = 1;
  if (node.kind === "list") for (const item of node.items) size += measure(item, sizes);
  if (node.kind === "map") for (const { value } of node.entries.values()) size += measure(value, sizes);
  sizes.set(node, size);
  return size;
}
