import type { Expression } from "../pipeline.ts";
import { lex, type Token } from "./lex.ts";
import { compileRegex } from "./regex.ts";

/** `start`, `end`: of what is wrong, in UTF-16 offsets into the text. `code` CONFIG_REGEX: a pattern in it is none of RE2. */
export interface ExpressionProblem {
  code: "CONFIG_EXPRESSION" | "CONFIG_REGEX";
  message: string;
  hint: string;
  start: number;
  end: number;
}

export const MAX_EXPRESSION_LENGTH = 10_000;
const MAX_DEPTH = 100;

/**
 * Reads the condition of a rule, such as `$CI_COMMIT_BRANCH == "main"`: comparisons bind closer than `&&`, that closer than `||`.
 * https://docs.gitlab.com/ci/jobs/job_rules/#cicd-variable-expressions
 */
export function parseExpression(text: string): Expression | { problem: ExpressionProblem } {
  if (text.length > MAX_EXPRESSION_LENGTH) {
    const message = `an expression of ${text.length} characters; ${MAX_EXPRESSION_LENGTH} are supported`;
    return problemAt({ start: 0, end: text.length }, message, "make several rules of it");
  }
  const tokens = lex(text);
  if ("problem" in tokens) {
    const { problem } = tokens;
    return problemAt(problem, `${quote(text)} is not an expression: ${problem.message}`, problem.hint);
  }
  try {
    return new Parser(text, tokens).parse();
  } catch (error) {
    if (error instanceof Refusal) return { problem: error.problem };
    throw error;
  }
}

function problemAt({ start, end }: { start: number; end: number }, message: string, hint: string) {
  return { problem: { code: "CONFIG_EXPRESSION", message, hint, start, end } satisfies ExpressionProblem };
}

const quote = (text: string) => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);

/** Leaves the descent at the first problem. */
class Refusal extends Error {
  constructor(readonly problem: ExpressionProblem) {
    super(problem.message);
  }
}

class Parser {
  #at = 0;
  #depth = 0;

  constructor(
    private readonly text: string,
    private readonly tokens: Token[],
  ) {}

  parse(): Expression {
    const expression = this.#or();
    const left = this.tokens[this.#at];
    if (left !== undefined)
      throw this.#refuse(left, `${this.#written(left)} at column ${left.start + 1}`, "join with && or ||");
    return expression;
  }

  #or(): Expression {
    let left = this.#and();
    while (this.#take("||")) left = { kind: "or", left, right: this.#and() };
    return left;
  }

  #and(): Expression {
    let left = this.#comparison();
    while (this.#take("&&")) left = { kind: "and", left, right: this.#comparison() };
    return left;
  }

  #comparison(): Expression {
    if (this.#take("(")) return this.#parenthesis();
    const left = this.#operand();
    const operator = this.tokens[this.#at];
    switch (operator?.kind) {
      case "==":
      case "!=":
        this.#at++;
        return { kind: "compare", op: operator.kind, left, right: this.#operand() };
      case "=~":
      case "!~":
        this.#at++;
        return { kind: "match", op: operator.kind, left, right: this.#pattern() };
      default:
        return left;
    }
  }

  #parenthesis(): Expression {
    const open = this.tokens[this.#at - 1]!;
    if (++this.#depth > MAX_DEPTH)
      throw this.#refuse(open, `more than ${MAX_DEPTH} "(" deep`, "make rules of it");
    const inside = this.#or();
    if (!this.#take(")"))
      throw this.#refuse(open, `the "(" at column ${open.start + 1} does not end`, "add )");
    this.#depth--;
    return inside;
  }

  #operand(): Expression {
    const token = this.#next("a variable, a text or null");
    if (token.kind === "variable") return { kind: "variable", name: token.name };
    if (token.kind === "text") return { kind: "text", value: token.value };
    if (token.kind === "null") return { kind: "null" };
    const hint = token.kind === "regex" ? "match it with =~" : "write a variable, a text or null here";
    throw this.#refuse(token, `${this.#written(token)} at column ${token.start + 1}`, hint);
  }

  #pattern(): Expression {
    const token = this.#next("a /pattern/");
    if (token.kind === "variable") return { kind: "variable", name: token.name };
    if (token.kind !== "regex") {
      const hint = "write a /pattern/ between slashes, or a variable that holds one";
      throw this.#refuse(token, `${this.#written(token)} at column ${token.start + 1} is no pattern`, hint);
    }
    const { source, flags, start, end } = token;
    const compiled = compileRegex({ source, flags });
    if (typeof compiled === "function") return { kind: "regex", source, flags };
    const message = `the pattern ${this.text.slice(start, Math.min(end, start + 80))} cannot be used: ${compiled.problem}`;
    const hint = "patterns are those of RE2: no look-around, no backreferences";
    throw new Refusal({ code: "CONFIG_REGEX", message, hint, start, end });
  }

  #next(expected: string): Token {
    const token = this.tokens[this.#at++];
    if (token !== undefined) return token;
    const end = this.text.length;
    throw this.#refuse({ start: Math.max(0, end - 1), end }, "it ends too early", `add ${expected}`);
  }

  #take(kind: Token["kind"]): boolean {
    if (this.tokens[this.#at]?.kind !== kind) return false;
    this.#at++;
    return true;
  }

  #written({ start, end }: Token): string {
    return quote(this.text.slice(start, end));
  }

  #refuse(place: { start: number; end: number }, message: string, hint: string): Refusal {
    return new Refusal(
      problemAt(place, `${quote(this.text)} is not an expression: ${message}`, hint).problem,
    );
  }
}
