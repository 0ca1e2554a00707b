import { describe, expect, test } from "bun:test";
import { evaluate } from "../../src/pipeline/expression/evaluate.ts";
import { parseExpression } from "../../src/pipeline/expression/parse-expression.ts";

const VARIABLES: Record<string, string> = {
  EMPTY: "",
  ZERO: "0",
  FALSE: "false",
  A: "a",
  ALSO_A: "a",
  BRANCH: "feature/login",
  TAG: "v1.2",
  PATTERN: "/^V/i",
  PLAIN: "^v",
  LOOKS_AHEAD: "/(?=v)/",
  TWO: "one\ntwo",
};

function verdictOf(text: string) {
  const expression = parseExpression(text);
  if ("problem" in expression) throw new Error(expression.problem.message);
  return evaluate(expression, (name) => VARIABLES[name] ?? null);
}

describe("a condition", () => {
  test.each([
    ["$A", true],
    ["$EMPTY", false],
    ["$UNSET", false],
    ["$ZERO", true],
    ["$FALSE", true],
    ['"text"', true],
    ['""', false],
    ["null", false],
    ['$EMPTY == ""', true],
    ["$EMPTY == null", false],
    ["$EMPTY != null", true],
    ["$UNSET == null", true],
    ['$UNSET == ""', false],
    ['$UNSET != ""', true],
    ["null == $UNSET", true],
    ["$A == $ALSO_A", true],
    ["$A != $ALSO_A", false],
    ["$A == 'a'", true],
    ['"a" == $A', true],
    ["$A == 'A'", false],
    ["$UNSET == $ALSO_UNSET", true],
    ["$A && $EMPTY", false],
    ["$A || $EMPTY", true],
    ['$A == "a" && $TAG == "v1.2"', true],
    ["$A || $A && $EMPTY", true],
    ["($A || $A) && $EMPTY", false],
    ["$EMPTY && $A || $A", true],
    ['"" || $A', true],
    ["$BRANCH =~ /^feature\\/.*/", true],
    ["$BRANCH =~ /login/", true],
    ["$BRANCH !~ /login/", false],
    ["$BRANCH =~ /LOGIN/", false],
    ["$BRANCH =~ /LOGIN/i", true],
    ["$UNSET =~ /^$/", true],
    ["$UNSET !~ /x/", true],
    ["$TAG =~ $PATTERN", true],
    ["$TAG !~ $PATTERN", false],
    ["$TAG =~ $UNSET", false],
    ["$TAG !~ $UNSET", true],
    ["$TAG =~ $PLAIN", false],
    ["$TAG !~ $PLAIN", false],
    ["$A || $TAG =~ $PLAIN", true],
    ["$TAG =~ $LOOKS_AHEAD || $A", false],
    ["$TWO =~ /one$/", false],
    ["$TWO =~ /one$/m", true],
    ["$TWO =~ /one.two/", false],
    ["$TWO =~ /one.two/s", true],
    ["$TAG =~ /\\Av[[:digit:]]\\Q.\\E2\\z/", true],
    ["$TAG =~ /^(?i)V1/", true],
    ["$BRANCH =~ /^feature/ && $TAG =~ /^v/", true],
    ['"a && b # (c)" == "a && b # (c)"', true],
    ['$A=="a"', true],
    ["\n  $A\n  && $TAG\n", true],
  ])("%s is %p", (text, holds) => {
    expect(verdictOf(text).holds).toBe(holds);
  });

  test("says when a variable holds no pattern", () => {
    expect(verdictOf("$TAG =~ $PLAIN").note).toBe("$PLAIN is no /pattern/");
    expect(verdictOf("$TAG =~ $LOOKS_AHEAD").note).toContain(
      "the value of $LOOKS_AHEAD is no pattern of RE2",
    );
  });

  test("takes linear time, whatever the pattern", () => {
    const expression = parseExpression("$TEXT =~ /(a+)+$/");
    if ("problem" in expression) throw new Error(expression.problem.message);
    const started = performance.now();
    expect(evaluate(expression, () => `${"a".repeat(100_000)}b`).holds).toBe(false);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe("what is no condition", () => {
  test.each([
    ["$A = $B", '"$A = $B" is not an expression: "=" at column 4', 3, 4],
    ["${A}", '"${A}" is not an expression: "${A}" at column 1', 0, 4],
    ["", '"" is not an expression: it ends too early', 0, 0],
    ["$A ==", '"$A ==" is not an expression: it ends too early', 4, 5],
    ["$A $B", '"$A $B" is not an expression: "$B" at column 4', 3, 5],
    ["!$A", '"!$A" is not an expression: "!" at column 1', 0, 1],
    ["main", '"main" is not an expression: "main" at column 1', 0, 4],
    ["$A =~ 'a'", `"$A =~ 'a'" is not an expression: "'a'" at column 7 is no pattern`, 6, 9],
    ["/a/", '"/a/" is not an expression: "/a/" at column 1', 0, 3],
    ["$A == /a/", '"$A == /a/" is not an expression: "/a/" at column 7', 6, 9],
    ["($A", '"($A" is not an expression: the "(" at column 1 does not end', 0, 1],
    ["$A)", '"$A)" is not an expression: ")" at column 3', 2, 3],
    ["$A == 'a", `"$A == 'a" is not an expression: the text at column 7 does not end`, 6, 8],
    ["$A =~ /a", '"$A =~ /a" is not an expression: the pattern at column 7 does not end', 6, 8],
    ["$A == $B == $C", '"$A == $B == $C" is not an expression: "==" at column 10', 9, 11],
    ["nullable", '"nullable" is not an expression: "nullable" at column 1', 0, 8],
  ])("%s", (text, message, start, end) => {
    expect(parseExpression(text)).toMatchObject({
      problem: { code: "CONFIG_EXPRESSION", message, start, end },
    });
  });

  test("a pattern that RE2 does not know", () => {
    for (const pattern of ["/(?=a)/", "/(a)\\1/", "/(?<!a)b/", "/(/"])
      expect(parseExpression(`$A =~ ${pattern}`)).toMatchObject({
        problem: { code: "CONFIG_REGEX", start: 6, end: 6 + pattern.length },
      });
  });

  test("one that is too long or too deep, in no time", () => {
    const started = performance.now();
    for (const text of ["(".repeat(9_999), `$A${" && $A".repeat(200_000)}`, "$A || ".repeat(1_600)])
      expect(parseExpression(text)).toHaveProperty("problem");
    expect(parseExpression(`$A${"||$A".repeat(2_000)}`)).not.toHaveProperty("problem");
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
