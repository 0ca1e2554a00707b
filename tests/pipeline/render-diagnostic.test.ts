import { describe, expect, test } from "bun:test";
import type { Diagnostic } from "../../src/pipeline/diagnostic.ts";
import { renderDiagnostic } from "../../src/pipeline/render-diagnostic.ts";

const base: Diagnostic = {
  code: "CONFIG_UNKNOWN_KEY",
  severity: "error",
  message: 'unknown key "x"',
  file: "ci.yml",
  line: 2,
  column: 3,
  length: 1,
  hint: "remove it",
};

function render(diagnostic: Partial<Diagnostic>, text: string, color = false): string {
  return renderDiagnostic({ ...base, ...diagnostic }, text, { color });
}

describe("a rendered diagnostic", () => {
  test("shows place, code, message, line, caret and hint", () => {
    expect(render({ length: 4 }, "a:\n  xray: 1\nb:\n")).toBe(
      `ci.yml:2:3 error [CONFIG_UNKNOWN_KEY] unknown key "x"
    2 |   xray: 1
      |   ^^^^
      = hint: remove it`,
    );
  });

  test("says warning where it is one, and leaves out a hint that is not there", () => {
    const { hint: _, ...rest } = base;
    const text = renderDiagnostic({ ...rest, severity: "warning" }, "a:\n  x\n", { color: false });
    expect(text).toStartWith("ci.yml:2:3 warning [");
    expect(text).not.toContain("hint");
  });

  test("puts the caret below wide characters and after tabs", () => {
    const lines = render({ line: 1, column: 5, length: 2 }, "日本\t:語x\n").split("\n");
    expect(lines[1]).toBe("    1 | 日本  :語x");
    expect(lines[2]).toBe("      |        ^^^");
  });

  test("clips a long line around the caret", () => {
    const lines = render(
      { line: 1, column: 5001, length: 3 },
      `${"a".repeat(5000)}bbb${"c".repeat(5000)}`,
    ).split("\n");
    expect(lines[1]!.length).toBeLessThan(120);
    expect(lines[1]).toContain("…");
    const caret = lines[2]!.indexOf("^");
    expect(lines[1]!.slice(caret, caret + 3)).toBe("bbb");
  });

  test("makes control characters visible: nothing in a file moves the cursor", () => {
    const text = render(
      { line: 1, column: 1, message: "a \x1b[2J", file: "a\nb" },
      "x\x1b]52;c;aGk=\x07 \u202e\n",
    );
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\u202e]/);
    expect(text).toContain("<U+001B>");
    expect(text.split("\n").length).toBe(4);
  });

  test("points behind the last line where the text ends", () => {
    expect(render({ line: 3, column: 1 }, "a:\n  b\n")).toContain("    3 |\n      | ^");
  });

  test("survives a position outside the text", () => {
    expect(render({ line: 99 }, "a\n")).toContain("ci.yml:99:3");
  });

  test("takes no notice of a byte order mark", () => {
    expect(render({ line: 1, column: 1 }, "\ufeffabc\n")).toContain("    1 | abc\n      | ^");
  });

  test("is coloured only when asked", () => {
    expect(render({}, "a:\n  x\n", true)).toContain("\x1b[31merror\x1b[0m");
    expect(render({}, "a:\n  x\n")).not.toContain("\x1b");
  });
});
