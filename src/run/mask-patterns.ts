/**
 * What must not show of a secret's value: the value, its lines, and what common tools make of either. Shorter pieces than
 * `MIN_MASKED` would hide what is no secret and are left alone. After the encoders of github.com/actions/runner (SecretMasker).
 */
export function maskPatterns(values: Iterable<string>): string[] {
  const patterns = new Set<string>();
  for (const value of values) {
    const lines = value.split(/\r\n|\n|\r/).map((line) => line.trim());
    for (const piece of new Set([value, value.trim(), ...lines])) {
      if (piece.length < MIN_MASKED) continue;
      for (const form of escapes(piece)) patterns.add(form);
      for (const form of encodings(piece)) patterns.add(form);
    }
  }
  return [...patterns].filter(({ length }) => length >= MIN_MASKED);
}

/** Characters; a secret of fewer is refused, a line of fewer is shown. */
export const MIN_MASKED = 8;

/** What leaves its plain characters as they are. */
function* escapes(text: string): Iterable<string> {
  yield text;
  yield text.replace(/\r\n|\r/g, "\n");
  yield text.replace(/\r?\n/g, "\r\n");
  yield* percentForms(text);
  yield* jsonForms(text);
  yield* shellForms(text);
  for (const quotes of XML_QUOTES) yield escapeXml(text, quotes);
}

/** What leaves none as it is. */
function* encodings(text: string): Iterable<string> {
  const bytes = new TextEncoder().encode(text);
  yield* hexForms(bytes);
  for (const form of base64Forms(bytes)) {
    yield form;
    yield form.replaceAll("+", "-").replaceAll("/", "_");
    yield form.replaceAll("+", "%2B").replaceAll("/", "%2F").replaceAll("=", "%3D");
  }
}

/** RFC 3986, forms (`+` for a blank), and what keeps `/` or more; digits in either case. */
function* percentForms(text: string): Iterable<string> {
  const component = safely(() => encodeURIComponent(text), text);
  const strict = component.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  const whole = safely(() => encodeURI(text), text);
  for (const form of [component, strict, strict.replaceAll("%2F", "/"), whole]) {
    for (const blank of [form, form.replaceAll("%20", "+")]) {
      yield blank;
      yield blank.replace(/%[0-9A-F]{2}/g, (escaped) => escaped.toLowerCase());
    }
  }
}

function* jsonForms(text: string): Iterable<string> {
  const plain = JSON.stringify(text).slice(1, -1);
  const ascii = plain.replace(/[\u007f-\uffff]/g, escapeUnicode);
  const html = plain.replace(/[<>&']/g, escapeUnicode);
  const forms = [plain, ascii, plain.replaceAll("/", "\\/"), plain.replace(/[<>&]/g, escapeUnicode), html];
  for (const form of forms) {
    for (const digits of [form, form.replace(/\\u[0-9a-f]{4}/g, upperDigits)]) {
      yield digits;
      yield JSON.stringify(digits).slice(1, -1);
    }
  }
}

const escapeUnicode = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;

const upperDigits = (form: string) => `\\u${form.slice(2).toUpperCase()}`;

/** Within single quotes, double quotes, `$'…'`, and with a backslash before each special character (`printf %q`). */
function* shellForms(text: string): Iterable<string> {
  yield text.replaceAll("'", "'\\''");
  yield text.replaceAll("'", `'"'"'`);
  yield text.replace(/'+/g, (quotes) => `'"${quotes}"'`);
  yield text.replace(/["$`\\]/g, "\\$&");
  yield text.replace(/["$`\\!]/g, "\\$&");
  yield text.replace(/[\\'\n\t\r]/g, (char) => ANSI_C[char]!);
  yield text.replace(/[^A-Za-z0-9_@%+=:,./\-\u0080-\uffff]/g, "\\$&");
  yield text.replace(/[^A-Za-z0-9_@%+=:./\-\u0080-\uffff]/g, "\\$&");
}

const ANSI_C: Record<string, string> = { "\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r" };

function escapeXml(text: string, quotes: Record<string, string>): string {
  return text.replace(/[&<>"']/g, (char) => XML[char] ?? quotes[char]!);
}

const XML: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
/** As libraries of different languages write them in attributes; a text outside of these may have one or both as they are. */
const XML_QUOTES: Record<string, string>[] = [
  { '"': '"', "'": "'" },
  { '"': "&quot;", "'": "'" },
  { '"': "&quot;", "'": "&apos;" },
  { '"': "&quot;", "'": "&#39;" },
  { '"': "&quot;", "'": "&#039;" },
  { '"': "&quot;", "'": "&#x27;" },
  { '"': "&#34;", "'": "&#39;" },
];

/** Plain, and in lines as `xxd -p` writes them. */
function* hexForms(bytes: Uint8Array): Iterable<string> {
  const hex = Buffer.from(bytes).toString("hex");
  for (const form of [hex, hex.toUpperCase()]) {
    yield form;
    if (form.length > XXD_LINE) yield* wrapped(form, XXD_LINE);
  }
}

const XXD_LINE = 60;

/**
 * Encoded from the first byte on, with its lines as `base64` and `openssl` cut them, and wherever it may stand in a longer text: behind
 * 0, 1 or 2 bytes of a group of three, without the characters that carry bits of neighbours, and at the end of the text.
 */
function* base64Forms(bytes: Uint8Array): Iterable<string> {
  const whole = Buffer.from(bytes)
    .toString("base64")
    .slice(0, Math.floor((8 * bytes.length) / 6));
  for (const width of [76, 64]) if (whole.length > width) yield* wrapped(whole, width);
  for (const before of [0, 1, 2]) {
    const encoded = Buffer.concat([new Uint8Array(before), bytes]).toString("base64");
    const first = Math.ceil((8 * before) / 6);
    yield encoded.slice(first, Math.floor((8 * (before + bytes.length)) / 6));
    yield encoded.slice(first);
    yield encoded.slice(first).replace(/=+$/, "");
  }
}

/** The lines, and all of them together. */
function* wrapped(text: string, width: number): Iterable<string> {
  const lines = text.match(new RegExp(`.{1,${width}}`, "g")) ?? [];
  yield* lines;
  yield lines.join("\n");
}

/** A lone surrogate has no percent form. */
function safely(make: () => string, otherwise: string): string {
  try {
    return make();
  } catch {
    return otherwise;
  }
}
