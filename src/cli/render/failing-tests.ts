import type { FailingTestJson } from "../../app/failing-tests.ts";
import type { JobJson } from "../../app/shapes.ts";
import type { Style } from "./style.ts";
import { printable } from "./text.ts";

/** With the job it is of. */
export type ShownTest = FailingTestJson & { job: string };

const MOST_SHOWN = 20;
const MOST_OF_MESSAGE = 160;

export function failingTestsOf(jobs: readonly JobJson[]): ShownTest[] {
  const tests = jobs.flatMap(({ name, failingTests = [] }) =>
    failingTests.map((test) => ({ ...test, job: name })),
  );
  return tests.sort((a, b) => Number(b.isNew) - Number(a.isNew));
}

/** A line about all of them, then each with file and line, and what it says. Empty where there are none. */
export function renderFailingTests(tests: readonly ShownTest[], run: number, style: Style): string {
  if (tests.length === 0) return "";
  const lines = tests.slice(0, MOST_SHOWN).flatMap((test) => {
    const note = noteOf(test, run);
    const parts = [`  ${style.red("✗")} ${printable(test.job)}: ${style.bold(nameOf(test))}`];
    if (test.file !== null) parts.push(style.cyan(placeOf(test)));
    if (note !== "") parts.push(test.isNew ? style.yellow(note) : style.dim(note));
    const message = messageOf(test);
    return message === "" ? [parts.join("  ")] : [parts.join("  "), `      ${style.dim(message)}`];
  });
  return `${style.bold(headOf(tests))}\n${lines.map((line) => `${line}\n`).join("")}${moreOf(tests)}\n`;
}

export function renderMarkdownFailingTests(tests: readonly ShownTest[], run: number): string {
  if (tests.length === 0) return "";
  const lines = tests.slice(0, MOST_SHOWN).map((test) => {
    const place = test.file === null ? "" : ` (\`${code(placeOf(test))}\`)`;
    const note = noteOf(test, run);
    return `- ${code(test.job)}: \`${code(nameOf(test))}\`${place}${note === "" ? "" : `, ${note}`}\n`;
  });
  return `**${headOf(tests)}**\n\n${lines.join("")}${moreOf(tests)}\n`;
}

/** `2 of 9 failed`, `9`. */
export function testsCell({ tests }: Pick<JobJson, "tests">, style: Style): string {
  if (tests === null) return "";
  const failed = tests.failed + tests.errors;
  return failed === 0 ? String(tests.total) : style.red(`${failed} of ${tests.total} failed`);
}

function headOf(tests: readonly ShownTest[]): string {
  const fresh = tests.filter(({ isNew }) => isNew).length;
  const all = tests.length === 1 ? "1 failing test" : `${tests.length} failing tests`;
  return fresh === 0 ? all : `${all}, ${fresh} new`;
}

function moreOf(tests: readonly ShownTest[]): string {
  return tests.length > MOST_SHOWN ? `  and ${tests.length - MOST_SHOWN} more, in --json\n` : "";
}

function nameOf({ className, name }: ShownTest): string {
  const isNamed = className === null || name.startsWith(className);
  return printable(isNamed ? name : `${className} > ${name}`);
}

function placeOf({ file, line }: ShownTest): string {
  return printable(line === null ? file! : `${file}:${line}`);
}

function noteOf({ isNew, since }: ShownTest, run: number): string {
  if (isNew) return "new";
  return since === run ? "" : `since #${since}`;
}

function messageOf({ message, detail }: ShownTest): string {
  const lines = `${message ?? ""}\n${detail ?? ""}`.split("\n");
  const first = lines.find((line) => line.trim() !== "")?.trim() ?? "";
  return printable(first.length > MOST_OF_MESSAGE ? `${first.slice(0, MOST_OF_MESSAGE)}…` : first);
}

function code(text: string): string {
  return text.replaceAll("`", "'");
}
