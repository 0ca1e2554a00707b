import { parseArgs } from "node:util";
import { CicdError } from "../errors/cicd-error.ts";
import { Suggester } from "../pipeline/suggest.ts";

/** `list`: may be given more than once. `count`: a whole number from 1 on. */
export interface FlagDef {
  kind: "boolean" | "string" | "list" | "count";
  short?: string;
  /** A further long name. */
  alias?: string;
  /** What stands for the value in the help. */
  value?: string;
  summary: string;
}

export type FlagDefs = Record<string, FlagDef>;

export type FlagValues<F extends FlagDefs> = {
  [K in keyof F]: F[K]["kind"] extends "boolean"
    ? boolean
    : F[K]["kind"] extends "list"
      ? string[]
      : F[K]["kind"] extends "count"
        ? number | undefined
        : string | undefined;
};

export interface ParsedArgs<F extends FlagDefs> {
  flags: FlagValues<F>;
  positionals: string[];
}

/**
 * Parses strictly: unknown flags (with a did-you-mean), missing and superfluous values and repeated single flags are
 * USAGE errors. Understands `--flag=value`, `-fVALUE`, `-f=VALUE`, combined short flags and `--`.
 */
export function parseFlags<F extends FlagDefs>(args: string[], defs: F): ParsedArgs<F> {
  const names = new Map<string, string>();
  const options: Record<string, { type: "boolean" | "string"; short?: string; multiple: true }> = {};
  for (const [name, def] of Object.entries(defs)) {
    const type = def.kind === "boolean" ? "boolean" : "string";
    options[name] = { type, multiple: true, ...(def.short === undefined ? {} : { short: def.short }) };
    names.set(name, name);
    if (def.alias === undefined) continue;
    options[def.alias] = { type, multiple: true };
    names.set(def.alias, name);
  }
  const { tokens } = parseArgs({ args, options, strict: false, tokens: true, allowPositionals: true });
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const name = names.get(token.name);
    if (name === undefined) throw unknownFlag(token.rawName, [...names.keys()]);
    const value = checkValue(token, defs[name]!);
    const earlier = values.get(name);
    if (earlier === undefined) values.set(name, [value]);
    else earlier.push(value);
  }
  return { flags: toValues(defs, values), positionals };
}

function checkValue(
  token: { rawName: string; value?: string | undefined; inlineValue?: boolean | undefined },
  def: FlagDef,
): string {
  if (def.kind === "boolean") {
    if (token.value === undefined) return "";
    throw new CicdError("USAGE", `${token.rawName} takes no value`);
  }
  const isShort = token.inlineValue === true && !token.rawName.startsWith("--");
  const value = isShort ? token.value?.replace(/^=/, "") : token.value;
  const looksLikeFlag = token.inlineValue === false && /^-./.test(value ?? "");
  if (value !== undefined && value !== "" && !looksLikeFlag) return value;
  throw new CicdError("USAGE", `${token.rawName} needs a value${def.value ? `: ${def.value}` : ""}`, {
    ...(looksLikeFlag ? { hint: `if "${value}" is the value, write ${token.rawName}=${value}` } : {}),
  });
}

function unknownFlag(rawName: string, names: string[]): CicdError {
  const nearest = rawName.startsWith("--") ? new Suggester().nearest(rawName.slice(2), names) : undefined;
  return new CicdError("USAGE", `unknown flag ${rawName}`, {
    hint: nearest === undefined ? "see what there is with --help" : `did you mean --${nearest}?`,
  });
}

function toValues<F extends FlagDefs>(defs: F, values: Map<string, string[]>): FlagValues<F> {
  const entries = Object.entries(defs).map(([name, def]) => [
    name,
    toValue(name, def, values.get(name) ?? []),
  ]);
  return Object.fromEntries(entries) as FlagValues<F>;
}

function toValue(
  name: string,
  def: FlagDef,
  given: string[],
): boolean | string | number | string[] | undefined {
  if (def.kind === "boolean") return given.length > 0;
  if (def.kind === "list") return given;
  const [value, another] = given;
  if (another !== undefined && another !== value) {
    throw new CicdError("USAGE", `--${name} was given more than once`, { hint: `it takes one value` });
  }
  if (value === undefined || def.kind === "string") return value;
  if (!/^\d{1,9}$/.test(value) || Number(value) < 1) {
    throw new CicdError("USAGE", `--${name}: "${value}" is not a whole number from 1 on`);
  }
  return Number(value);
}
