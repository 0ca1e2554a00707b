/** Thrown (and caught in `plain-yaml.ts`) where a text leaves the part of YAML that is read here. */
export const NOT_PLAIN = new Error("not plain YAML");

export function giveUp(): never {
  throw NOT_PLAIN;
}

export const SPACE = 0x20;
export const NEWLINE = 0x0a;
export const TAB = 0x09;
export const HASH = 0x23;
export const DASH = 0x2d;
export const COLON = 0x3a;
export const DOUBLE_QUOTE = 0x22;
export const SINGLE_QUOTE = 0x27;

const INDICATORS = new Set([..."-?:,[]{}#&*!|>'\"%@`"].map((character) => character.charCodeAt(0)));
const FLOW_INDICATORS = new Set([...",[]{}"].map((character) => character.charCodeAt(0)));

/** Whether a plain scalar can begin here; `-x` can. */
export function beginsPlain(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (!INDICATORS.has(code)) return code > SPACE;
  const next = text.charCodeAt(at + 1);
  return code === DASH && next > SPACE && !FLOW_INDICATORS.has(next);
}

/** The end (exclusive) of the quoted text that begins at `at`, on the same line. */
export function quotedEnd(text: string, at: number): number {
  const quote = text.charCodeAt(at);
  for (let index = at + 1; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === NEWLINE) giveUp();
    if (code === 0x5c && quote === DOUBLE_QUOTE) index++;
    else if (code === quote) {
      if (quote === DOUBLE_QUOTE || text.charCodeAt(index + 1) !== SINGLE_QUOTE) return index + 1;
      index++;
    }
  }
  return giveUp();
}

/** The value of a quoted text, quotes included in `written`; of escapes only those that JSON has too. */
export function unquote(written: string): string {
  const inner = written.slice(1, -1);
  if (written.charCodeAt(0) === SINGLE_QUOTE) return inner.replaceAll("''", "'");
  if (!inner.includes("\\")) return inner;
  if (inner.includes("\t") || /\\[^"\\/nrtbf]/.test(inner.replaceAll("\\\\", ""))) giveUp();
  return JSON.parse(written) as string;
}

const NUMERIC = 1;
const WORDY = 2;
/** By their first character, those that may be more than a text: numbers, and words for true, false and null. */
const KINDS = new Uint8Array(128);
for (const character of "0123456789+.-") KINDS[character.charCodeAt(0)] = NUMERIC;
for (const character of "tTfFnN~") KINDS[character.charCodeAt(0)] = WORDY;

/** The value of a plain scalar by YAML's core schema; the rarer numbers are left to the real parser. */
export function resolvePlain(written: string): string | number | boolean | null {
  const kind = KINDS[written.charCodeAt(0)];
  if (kind === NUMERIC) return resolveNumber(written);
  return kind === WORDY && written.length <= 5 ? resolveWord(written) : written;
}

function resolveNumber(written: string): string | number {
  if (/^(?:0|[1-9][0-9]{0,14})$/.test(written) || /^(?:0|[1-9][0-9]{0,8})\.[0-9]{1,6}$/.test(written)) {
    return Number(written);
  }
  if (/^[-+]?(?:0[ox][0-9a-fA-F]+|\.?[0-9][0-9.]*(?:[eE][-+]?[0-9]+)?|\.(?:inf|nan))$/i.test(written))
    giveUp();
  return written;
}

function resolveWord(written: string): string | boolean | null {
  if (/^(?:true|True|TRUE)$/.test(written)) return true;
  if (/^(?:false|False|FALSE)$/.test(written)) return false;
  return /^(?:~|null|Null|NULL)$/.test(written) ? null : written;
}
