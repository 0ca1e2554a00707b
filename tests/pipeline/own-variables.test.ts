import { expect, test } from "bun:test";
import { readEnvFile } from "../../src/pipeline/env-file.ts";
import { readVariablesFile } from "../../src/pipeline/variables-file.ts";

test("a .env file has a variable a line, in quotes or not, and nothing in it is expanded", () => {
  const text = [
    "\ufeff# a comment",
    "",
    "PLAIN=a b $HOME `x`",
    "  export SPACED = x y   # said so",
    "HASH=a#b",
    "EMPTY=",
    "SINGLE='a \"b\" $X \\n' # quoted",
    'DOUBLE="a\\n\\"b\\" \\$X \\\\ \\q"',
    'LINES="one',
    'two"',
    "TWICE=1\r",
    "TWICE=2\r",
  ].join("\n");
  const { values, problems } = readEnvFile(text);
  expect(problems).toEqual([]);
  expect(Object.fromEntries(values)).toEqual({
    PLAIN: "a b $HOME `x`",
    SPACED: "x y",
    HASH: "a#b",
    EMPTY: "",
    SINGLE: 'a "b" $X \\n',
    DOUBLE: 'a\n"b" $X \\ \\q',
    LINES: "one\ntwo",
    TWICE: "2",
  });
});

test("what is none of that is told with its line", () => {
  const { problems } = readEnvFile("A=1\nnonsense\n1A=2\nB='open\n");
  expect(problems.map(({ line, message }) => `${line}: ${message}`)).toEqual([
    "2: this is not NAME=value",
    "3: this is not NAME=value",
    "4: the quote before the value of B is not closed",
  ]);
});

test("a variables file has texts, secrets and files", () => {
  const text = "A: 1.10\nB: { value: x, masked: true }\nC: { value: y, type: file, expand: false }\nD: {}\n";
  const { variables, diagnostics } = readVariablesFile("variables.yml", text);
  expect(diagnostics).toEqual([]);
  const plain = { expand: true, file: false, masked: false };
  expect(Object.fromEntries(variables)).toEqual({
    A: { ...plain, value: "1.10" },
    B: { ...plain, value: "x", masked: true },
    C: { ...plain, value: "y", file: true, expand: false },
    D: { ...plain, value: "" },
  });
  for (const empty of ["", "\n", "# nothing\n", "\ufeff"])
    expect(readVariablesFile("variables.yml", empty)).toEqual({ variables: new Map(), diagnostics: [] });
});

test("what is wrong in it is told with its place", () => {
  const text = "A-B: 1\nB: [x]\n__proto__: { value: x }\nC: { value: x, masked: perhaps }\nD: null\n";
  const { diagnostics } = readVariablesFile("variables.yml", text);
  expect(diagnostics.map(({ code, line }) => `${line} ${code}`)).toEqual([
    "1 CONFIG_INVALID_NAME",
    "2 CONFIG_WRONG_TYPE",
    "3 CONFIG_FORBIDDEN_KEY",
    "4 CONFIG_WRONG_TYPE",
    "5 CONFIG_WRONG_TYPE",
  ]);
  expect(readVariablesFile("variables.yml", "A: [").diagnostics).not.toEqual([]);
});
