import { describe, expect, test } from "bun:test";
import { LogSanitizer } from "../../src/run/log-sanitizer.ts";
import { Random } from "../support/random.ts";

const CASES: [what: string, printed: string, shown: string][] = [
  [
    "keeps colours",
    "\x1b[1;32mgreen\x1b[0m\x1b[m\x1b[38;2;1;2;3m\n",
    "\x1b[1;32mgreen\x1b[0m\x1b[m\x1b[38;2;1;2;3m\n",
  ],
  ["keeps tabs, unicode and bytes that are no UTF-8", "a\tb é € 🙂\n", "a\tb é € 🙂\n"],
  ["removes cursor movement and screen control", "a\x1b[2Jb\x1b[1;1Hc\x1b[?25ld\n", "abcd\n"],
  ["removes a private sequence that ends like a colour", "a\x1b[?1mb\x1b[>4;2mc\n", "abc\n"],
  ["removes hyperlinks (OSC 8)", "\x1b]8;;https://evil\x1b\\click\x1b]8;;\x07\n", "click\n"],
  ["removes clipboard writes (OSC 52)", "x\x1b]52;c;ZXZpbA==\x07y\n", "xy\n"],
  ["removes device control strings", "x\x1bPq#0\x1b\\y\n", "xy\n"],
  ["ends an unterminated string with its line", "x\x1b]0;title\nnext\n", "x\nnext\n"],
  ["removes two-byte escapes", "a\x1bcb\x1b(Bc\x1b7d\n", "abcd\n"],
  ["keeps Windows line ends as line ends", "a\r\nb\r\r\nc\n", "a\nb\nc\n"],
  ["makes overwriting by carriage return visible", "safe\rEVIL\n", "safe\nEVIL\n"],
  ["shows backspace, bell and NUL", "ab\b\bcd\x07\0\x7f\n", "ab^H^Hcd^G^@^?\n"],
  ["shows C1 controls as replacement characters", "a\u009b2Jb\u0085c\n", "a�2Jb�c\n"],
  ["keeps a carriage return at the very end as a line end", "50%\r", "50%\n"],
  ["drops an escape sequence that never ends", "x\x1b[12", "x"],
  ["refuses an overlong colour", `x\x1b[${"1;".repeat(100)}1my`, "xy"],
];

describe("the log sanitizer", () => {
  for (const [what, printed, shown] of CASES) {
    test(`${what}, wherever the chunks end`, () => {
      const bytes = new TextEncoder().encode(printed);
      expect(sanitize([bytes])).toBe(shown);
      expect(sanitize([...bytes].map((byte) => new Uint8Array([byte])))).toBe(shown);
    });
  }

  test("passes every plain byte on as it is", () => {
    const bytes = new Uint8Array(256 - 0x20 - 1)
      .map((_, index) => index + 0x20)
      .filter((byte) => byte !== 0x7f);
    const sanitizer = new LogSanitizer();
    const out = [...sanitizer.push(bytes), ...sanitizer.end()];
    expect(out).toEqual([...bytes]);
  });

  test("gives the same for any cutting of random bytes, and nothing that moves a cursor", () => {
    const random = new Random(7);
    const alphabet = [
      0x1b, 0x5b, 0x5d, 0x6d, 0x3b, 0x31, 0x07, 0x0d, 0x0a, 0x61, 0xc2, 0x9b, 0x50, 0x5c, 0x00, 0x3f,
    ];
    for (let round = 0; round < 3_000; round += 1) {
      const bytes = Uint8Array.from({ length: random.below(60) }, () => random.pick(alphabet));
      const whole = sanitize([bytes]);
      const at = random.below(bytes.length + 1);
      expect(sanitize([bytes.slice(0, at), bytes.slice(at)])).toBe(whole);
      expect(whole.replace(/\x1b\[[0-9;:]*m/g, "")).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f]/);
    }
  });
});

function sanitize(chunks: Uint8Array[]): string {
  const sanitizer = new LogSanitizer();
  const out = chunks.map((chunk) => sanitizer.push(chunk).slice());
  out.push(sanitizer.end().slice());
  return new TextDecoder().decode(Buffer.concat(out));
}
