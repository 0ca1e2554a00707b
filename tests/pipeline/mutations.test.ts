import { describe, expect, test } from "bun:test";
import type { Diagnostic } from "../../src/pipeline/diagnostic.ts";
import { readYaml } from "../../src/pipeline/full-yaml.ts";
import type { Node } from "../../src/pipeline/node.ts";
import { readPlainYaml } from "../../src/pipeline/plain-yaml.ts";
import { renderDiagnostic } from "../../src/pipeline/render-diagnostic.ts";
import { Report, type Source } from "../../src/pipeline/source.ts";
import { goldenCases, parseCase } from "./golden.ts";
import { mutate, nudge, seededRandom } from "./random.ts";

const MUTATIONS = 2000;
const NUDGES = 20_000;

const SMALL_TEXTS = [
  "a: |\n  x\n\n  y\n\nb: c\n",
  "- a\n- b:\n  - c\n  -\n    d: e\n- [x, {y: z}]\n",
  "a:\n- b\n- c: d\n  e: f\nz: 1\n",
  "a:\n  b:\n    c: |-\n      q\n       r\n  d: 'it''s'\n",
  'x: "a\\nb"\ny: ["a, b", \'c: d\']\n',
  "- - a\n  - b\n- c\n",
  'k : v\n"q" : w\n',
  "a: b # c\nd: # e\n  f: g\n",
];

const valid = goldenCases().filter(({ name }) => name.startsWith("valid-"));

/** Deterministic: the same texts in each run. */
const mutants = (() => {
  const random = seededRandom(20261123);
  return Array.from({ length: MUTATIONS }, (_, index) => {
    const whole = valid[index % valid.length]!;
    return { ...whole, text: mutate(whole.text, random) };
  });
})();

describe(`${MUTATIONS} mutated pipeline files`, () => {
  test("each gives a pipeline or an error that points into the text, within a second, and never throws", () => {
    let pipelines = 0;
    for (const mutant of mutants) {
      const { text } = mutant;
      const started = performance.now();
      const { pipeline, diagnostics } = parseCase(mutant);
      const tookMs = performance.now() - started;
      const hasError = diagnostics.some(({ severity }) => severity === "error");
      const fine =
        tookMs < 1000 && hasError === (pipeline === undefined) && diagnostics.every(pointsInto(text));
      if (!fine) throw new Error(JSON.stringify({ text, tookMs, hasError, diagnostics }));
      for (const diagnostic of diagnostics.slice(0, 20)) renderDiagnostic(diagnostic, text, { color: true });
      if (pipeline !== undefined) pipelines++;
    }
    expect(pipelines).toBeGreaterThan(MUTATIONS / 40);
    expect(pipelines).toBeLessThan(MUTATIONS);
  }, 60_000);

  test("the fast reader of plain YAML sees what the full parser sees, wherever it does not pass", () => {
    const read = [...goldenCases(), ...mutants].map(({ text }) => text).filter(readsTheSame).length;
    expect(read).toBeGreaterThan(MUTATIONS / 10);
  });
});

test(`the two YAML readers agree on ${NUDGES} small texts`, () => {
  const random = seededRandom(42);
  const texts = Array.from({ length: NUDGES }, (_, index) =>
    nudge(SMALL_TEXTS[index % SMALL_TEXTS.length]!, random),
  );
  expect(texts.filter(readsTheSame).length).toBeGreaterThan(NUDGES / 10);
});

function pointsInto(text: string): (diagnostic: Diagnostic) => boolean {
  const lines = text.replace(/^\ufeff/, "").split("\n");
  return ({ file, line, column, length }) => {
    if (file !== "pipeline.yml") return true;
    const meant = lines[line - 1];
    return meant !== undefined && column >= 1 && column <= meant.length + 1 && length >= 1;
  };
}

/** False where the fast reader passes; fails where the two differ. */
function readsTheSame(text: string): boolean {
  const source: Source = { file: "m.yml", text: text.replace(/^\ufeff/, "") };
  const fastReport = new Report();
  const fast = readPlainYaml(source, fastReport);
  if (fast === undefined) return false;
  const report = new Report();
  const full = readYaml(source, report)?.root;
  const seen = { text, problems: report.sorted([source]), outline: full === undefined ? "" : outline(full) };
  expect({ text, problems: fastReport.sorted([source]), outline: outline(fast) }).toEqual(seen);
  return true;
}

/** Everything of a node but where collections and block texts end, which no message depends on. */
function outline(node: Node): string {
  const { start, end } = node.span;
  if (node.kind === "list") return `${start}[${node.items.map(outline).join(",")}]`;
  if (node.kind === "map") {
    const entries = [...node.entries].map(
      ([key, { keySpan, value }]) =>
        `${JSON.stringify(key)}@${keySpan.start}-${keySpan.end}:${outline(value)}`,
    );
    return `${start}{${entries.join(",")}}`;
  }
  if (node.kind === "broken") return `${start}broken`;
  if (node.kind === "reference") return `${start}!${JSON.stringify(node.path.map(({ text }) => text))}`;
  const isBlock = typeof node.value === "string" && node.span.source.text[start] === "|";
  return `${start}-${isBlock ? "" : end}=${JSON.stringify(node.value)}(${node.written})`;
}
