import type { Entry, Node, ScalarNode } from "../node.ts";
import type { ReadContext } from "../shape.ts";
import type { Span } from "../source.ts";
import type { Budget } from "./limits.ts";

const BLOCK = /\$\[\[\s*inputs\b([^\]]*)\]\]/g;
const ONE_INPUT = /^\.([A-Za-z0-9_-]+)\s*((?:\|[^|]*)*)$/;
/** Functions behind one input, as in GitLab. */
const MAX_FUNCTIONS = 3;

export interface Interpolation {
  inputs: ReadonlyMap<string, Node>;
  /** For `expand_vars`. */
  variable: (name: string) => string | undefined;
  budget: Budget;
}

/**
 * The document with the values of inputs in the place of every `$[[ inputs.NAME ]]`, in keys as well. A text that is nothing else
 * becomes the value as it is: a number, a truth value, a list. The same node where there is nothing to do.
 */
export function interpolate(root: Node, with_: Interpolation, context: ReadContext): Node {
  if (!root.span.source.text.includes("$[[")) return root;
  return new Interpolator(with_, context).node(root);
}

class Interpolator {
  private readonly done = new Map<Node, Node>();

  constructor(
    private readonly by: Interpolation,
    private readonly context: ReadContext,
  ) {}

  node(node: Node): Node {
    const known = this.done.get(node);
    if (known !== undefined) return known;
    const made = this.made(node);
    this.done.set(node, made);
    return made;
  }

  private made(node: Node): Node {
    if (node.kind === "list") return { ...node, items: node.items.map((item) => this.node(item)) };
    if (node.kind === "scalar" && typeof node.value === "string") return this.scalar(node, node.value);
    if (node.kind !== "map") return node;
    const entries = new Map<string, Entry>();
    for (const [key, { keySpan, value }] of node.entries)
      entries.set(this.text(key, keySpan), { keySpan, value: this.node(value) });
    return { ...node, entries };
  }

  private scalar(node: ScalarNode, text: string): Node {
    if (!text.includes("$[[")) return node;
    const whole = /^\$\[\[\s*inputs\.([A-Za-z0-9_-]+)\s*\]\]$/.exec(text.trim());
    if (whole === null) {
      const value = this.text(text, node.span);
      return value === text ? node : { ...node, value, written: value };
    }
    const value = this.input(whole[1]!, node.span);
    if (value === undefined) return { kind: "broken", span: node.span };
    return value.kind === "scalar" ? { ...value, span: node.span } : value;
  }

  private text(text: string, span: Span): string {
    if (!text.includes("$[[")) return text;
    const { budget } = this.by;
    if (!budget.takeCharacters(text.length, span)) return text;
    const made = text.replace(BLOCK, (written, block: string) => {
      const value = budget.isSpent ? undefined : this.block(block, span);
      return value === undefined || !budget.takeCharacters(value.length, span) ? written : value;
    });
    return budget.isSpent ? text : made;
  }

  private block(block: string, span: Span): string | undefined {
    const parts = ONE_INPUT.exec(block.trimEnd());
    if (parts === null) return this.refuse(span, "an input stands alone: $[[ inputs.NAME ]]");
    const [, name = "", functions = ""] = parts;
    const value = this.input(name, span);
    if (value === undefined) return undefined;
    const words = functions
      .split("|")
      .slice(1)
      .map((word) => word.trim());
    if (words.length > MAX_FUNCTIONS)
      return this.refuse(span, `at most ${MAX_FUNCTIONS} functions may follow an input`);
    let text = written(value);
    for (const word of words) {
      const changed = this.apply(word, text);
      if (changed === undefined)
        return this.refuse(
          span,
          `"${word.slice(0, 80)}" is no function: expand_vars or truncate(OFFSET, LENGTH)`,
        );
      text = changed;
    }
    return text;
  }

  private apply(word: string, text: string): string | undefined {
    if (word === "expand_vars")
      return text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced?: string, bare?: string) => {
        return this.by.variable((braced ?? bare)!) ?? whole;
      });
    const cut = /^truncate\(\s*(\d{1,6})\s*,\s*(\d{1,6})\s*\)$/.exec(word);
    if (cut === null) return undefined;
    const offset = Number(cut[1]);
    return [...text].slice(offset, offset + Number(cut[2])).join("");
  }

  private input(name: string, span: Span): Node | undefined {
    const { inputs } = this.by;
    const value = inputs.get(name);
    if (value !== undefined) return value;
    const hint =
      this.context.suggester.hint(name, inputs.keys()) ??
      `declare it above the pipeline: spec: { inputs: { ${name}: } } and a line of ---`;
    return this.context.report.error("CONFIG_INPUT", span, `there is no input "${name}"`, hint);
  }

  private refuse(span: Span, message: string): undefined {
    return this.context.report.error("CONFIG_INPUT", span, message);
  }
}

/** In the middle of a text; lists as JSON. */
function written(node: Node): string {
  if (node.kind === "scalar") return typeof node.value === "string" ? node.value : node.written;
  if (node.kind !== "list") return "";
  return `[${node.items.map((item) => (item.kind === "scalar" && typeof item.value === "string" ? JSON.stringify(item.value) : written(item))).join(", ")}]`;
}
