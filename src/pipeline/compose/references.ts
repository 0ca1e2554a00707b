import type { Entry, MapNode, Node, ReferenceNode } from "../node.ts";
import type { ReadContext } from "../shape.ts";
import type { Budget } from "./limits.ts";

/** References that lead to references, as in GitLab. */
const MAX_LEVELS = 10;

/**
 * The values with every `!reference` replaced by what it names: a key of a job or template, else of the document. In a list, a
 * list is put in place item by item.
 */
export class Resolver {
  private readonly done = new Map<Node, Node>();
  /** References that are being followed. */
  private readonly following: ReferenceNode[] = [];

  /** `scopes`: where the first part of a path is looked for, in this order. */
  constructor(
    private readonly scopes: Map<string, Entry>[],
    private readonly budget: Budget,
    private readonly context: ReadContext,
  ) {}

  resolve(node: Node): Node {
    if (node.kind === "scalar" || node.kind === "broken") return node;
    const known = this.done.get(node);
    if (known !== undefined) return known;
    const resolved =
      node.kind === "reference"
        ? this.follow(node)
        : node.kind === "list"
          ? { ...node, items: this.items(node.items) }
          : this.map(node);
    this.done.set(node, resolved);
    return resolved;
  }

  private map(node: MapNode): MapNode {
    const entries = new Map<string, Entry>();
    for (const [key, entry] of node.entries) entries.set(key, { ...entry, value: this.resolve(entry.value) });
    return { ...node, entries };
  }

  private items(items: Node[]): Node[] {
    return items.flatMap((item) => {
      const value = this.resolve(item);
      if (item.kind !== "reference" || value.kind !== "list") return [value];
      return this.budget.take(value.items.length, item.span) ? value.items : [];
    });
  }

  private follow(reference: ReferenceNode): Node {
    const broken: Node = { kind: "broken", span: reference.span };
    if (this.budget.isSpent) return broken;
    if (this.following.includes(reference))
      return this.refuse(reference, "leads back to itself", "take one of these references away");
    if (this.following.length === MAX_LEVELS)
      return this.refuse(reference, `is more than ${MAX_LEVELS} references deep`, "name the last of them");
    this.following.push(reference);
    const found = this.find(reference);
    const resolved = found === undefined ? broken : this.resolve(found);
    this.following.pop();
    return resolved;
  }

  private find(reference: ReferenceNode): Node | undefined {
    const [first, ...rest] = reference.path;
    const scope = this.scopes.find((entries) => entries.has(first!.text));
    if (scope === undefined) {
      const names = this.scopes.flatMap((entries) => [...entries.keys()]);
      const hint = this.context.suggester.hint(first!.text, names);
      this.refuse(reference, `leads nowhere: there is no "${first!.text}"`, hint);
      return undefined;
    }
    let node = scope.get(first!.text)!.value;
    let name = first!.text;
    for (const { text } of rest) {
      // What a reference on the way leads to is part of this path.
      const holder = node.kind === "reference" ? this.resolve(node) : node;
      if (holder.kind === "broken") return undefined;
      const next = holder.kind === "map" ? holder.entries.get(text) : undefined;
      if (next === undefined) {
        const keys = holder.kind === "map" ? [...holder.entries.keys()] : [];
        this.refuse(reference, `leads nowhere: "${name}" has no "${text}"`, this.hint(text, keys));
        return undefined;
      }
      node = next.value;
      name = text;
    }
    return node;
  }

  private hint(text: string, keys: string[]): string {
    const known = keys.length === 0 ? "it is no mapping" : `it has ${keys.slice(0, 12).join(", ")}`;
    return this.context.suggester.hint(text, keys) ?? known;
  }

  private refuse(reference: ReferenceNode, what: string, hint?: string): Node {
    const path = reference.path.map(({ text }) => text).join(", ");
    const message = `!reference [${path.slice(0, 120)}] ${what}`;
    this.context.report.error("CONFIG_REFERENCE", reference.span, message, hint);
    return { kind: "broken", span: reference.span };
  }
}
