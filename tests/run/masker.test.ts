import { describe, expect, test } from "bun:test";
import { maskPatterns } from "../../src/run/mask-patterns.ts";
import { Masker } from "../../src/run/masker.ts";

const SECRET = `p@ss w0rd/+'"$<é>&\\x`;

function mask(secrets: string[] | Masker, pieces: (string | Uint8Array)[]): string {
  const masker = secrets instanceof Masker ? secrets : Masker.of(secrets)!;
  const out: Buffer[] = [];
  for (const piece of pieces) {
    const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
    out.push(Buffer.from(masker.push(bytes)));
  }
  out.push(Buffer.from(masker.end()));
  return Buffer.concat(out).toString("utf8");
}

const XML: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const hexOf = (char: string) => char.charCodeAt(0).toString(16);

/** Small, repeatable: https://en.wikipedia.org/wiki/Xorshift */
function random(seed: number): (below: number) => number {
  let x = seed * 2654435761 + 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

describe("the masker", () => {
  test("is not there where there is nothing to mask", () => {
    expect(Masker.of([])).toBeUndefined();
    expect(Masker.of(["short"])).toBeUndefined();
  });

  test("replaces a secret and leaves all else", () => {
    expect(mask(["swordfish"], ["the word is swordfish!\nsword fish\n"])).toBe(
      "the word is [MASKED]!\nsword fish\n",
    );
  });

  test("finds one that comes byte by byte, and one that stands last without a line feed", () => {
    expect(mask(["swordfish"], [..."a swordfish"])).toBe("a [MASKED]");
  });

  test("lets go of a beginning that became nothing", () => {
    expect(mask(["swordfish"], ["swordfis"])).toBe("swordfis");
    expect(mask(["swordfish"], ["swordfis", "swordfish"])).toBe("swordfis[MASKED]");
  });

  test("covers secrets that overlap, and the longer of two that begin alike", () => {
    expect(mask(["abcdefgh", "efghijkl"], ["-abcdefghijkl-"])).toBe("-[MASKED]-");
    expect(mask(["abcdefgh", "abcdefghijkl"], ["-abcdefghijkl-abcdefghij-"])).toBe("-[MASKED]-[MASKED]ij-");
    expect(mask(["aaaaaaaab"], ["aaaaaaaaaaaab"])).toBe("aaaa[MASKED]");
  });

  test("sees through colours within a secret", () => {
    const coloured = "x\u001b[31msword\u001b[0m\u001b[1mfish\u001b[0my";
    expect(mask(["swordfish"], [coloured])).toBe("x\u001b[31m[MASKED]\u001b[0m\u001b[1m\u001b[0my");
    expect(mask(["swordfish"], [...coloured])).toBe(mask(["swordfish"], [coloured]));
  });

  test("keeps little while colours without end come within a beginning", () => {
    const masker = Masker.of(["swordfish"])!;
    masker.push(Buffer.from("sword"));
    for (let i = 0; i < 20_000; i += 1) masker.push(Buffer.from("\u001b[31m"));
    expect(Buffer.from(masker.push(Buffer.from("fish."))).length).toBeLessThan(8192);
  });

  test.each([
    ["itself", SECRET],
    ["in JSON", JSON.stringify({ a: SECRET })],
    ["in JSON within JSON", JSON.stringify(JSON.stringify({ a: SECRET }))],
    ["percent-encoded", encodeURIComponent(SECRET)],
    ["percent-encoded in lower case", encodeURIComponent(SECRET).replace(/%../g, (e) => e.toLowerCase())],
    ["as a form's field", new URLSearchParams({ a: SECRET }).toString()],
    ["in single quotes", `'${SECRET.replaceAll("'", "'\\''")}'`],
    ["in single quotes of dash", `'${SECRET.replaceAll("'", `'"'"'`)}'`],
    ["in double quotes", `"${SECRET.replace(/["$`\\]/g, "\\$&")}"`],
    ["in hex", Buffer.from(SECRET).toString("hex")],
    [
      "in XML",
      SECRET.replaceAll("&", "&amp;")
        .replaceAll("<", "&lt;")
        .replaceAll(">", "&gt;")
        .replaceAll('"', "&quot;")
        .replaceAll("'", "&#39;"),
    ],
    ["in JSON with digits in upper case", JSON.stringify(SECRET).replace(/é/, "\\u00E9")],
    ["in JSON for HTML", JSON.stringify(SECRET).replace(/[<>&']/g, (c) => `\\u00${hexOf(c)}`)],
    ["in HTML of Go", SECRET.replace(/[&<>"']/g, (c) => XML[c] ?? `&#${c.charCodeAt(0)};`)],
    ["in HTML of Python", SECRET.replace(/[&<>"']/g, (c) => XML[c] ?? { '"': "&quot;", "'": "&#x27;" }[c]!)],
    ["in XML of Java", SECRET.replace(/[&<>"']/g, (c) => XML[c] ?? { '"': "&quot;", "'": "&apos;" }[c]!)],
    ["in base64 for addresses", Buffer.from(SECRET).toString("base64url")],
  ])("knows a secret %s", (_, printed) => {
    const shown = mask([SECRET], [`<<${printed}>>`]);
    expect(shown).toContain("[MASKED]");
    expect(shown.replace("[MASKED]", "")).not.toMatch(/w0rd|773072|dzBy|p%40/);
  });

  test("knows a secret in base64 wherever it stands in the text", () => {
    for (let before = 0; before < 9; before += 1) {
      for (let after = 0; after < 4; after += 1) {
        const encoded = Buffer.from("#".repeat(before) + SECRET + "#".repeat(after)).toString("base64");
        const shown = mask([SECRET], [encoded]);
        const rest = Buffer.from(shown.replace("[MASKED]", ""), "base64").toString("latin1");
        expect(shown).toContain("[MASKED]");
        expect(shown.length).toBeLessThanOrEqual("[MASKED]".length + (before + after) * 1.4 + 6);
        expect(rest).not.toContain("w0rd");
      }
    }
  });

  test("knows a long secret in base64 of several lines", () => {
    const key = Array.from({ length: 30 }, (_, i) => `line ${i} of a key that is long enough`).join("\n");
    for (const width of [64, 76]) {
      const lines = Buffer.from(`${key}\n`)
        .toString("base64")
        .match(new RegExp(`.{1,${width}}`, "g"))!;
      const shown = mask([key], [`${lines.join("\n")}\n`]);
      expect(shown.replaceAll("[MASKED]", "").trim().length).toBeLessThan(5);
    }
  });

  test("hides each line of a secret of several, but not its short ones", () => {
    const key = "-----BEGIN KEY-----\r\n{\r\nMIIEvQIBADANBgkq\r\n}\r\n";
    expect(mask([key], ["got MIIEvQIBADANBgkq and { and }\n"])).toBe("got [MASKED] and { and }\n");
    expect(mask([key], [key.replaceAll("\r\n", "\n")])).toBe("[MASKED]\n");
  });

  test("knows what encoders make of each line of a secret of several", () => {
    const lines = ["first of lines", "second-line-x", "ab"];
    for (const encoding of ["base64", "hex"] as const) {
      const shown = mask(
        [lines.join("\n")],
        lines.map((line) => `${Buffer.from(line).toString(encoding)}.\n`),
      );
      expect(shown).toMatch(/^\[MASKED\]=*\.\n\[MASKED\]=*\.\n[^[]+\n$/);
    }
  });

  test("hides what the sanitizer makes of a secret", () => {
    expect(mask(["bell\u0007and-more"], ["x bell^Gand-more x"])).toBe("x [MASKED] x");
  });

  test("masks a text of its own, and what is no text", () => {
    expect(Masker.of(["swordfish"])!.text("cannot pull \u001b]8;;x\u0007swordfish:1")).toBe(
      "cannot pull [MASKED]:1",
    );
  });

  test("gives the same however the stream is cut", () => {
    const secrets = ["abababab", "babababa", "abcabcabc", "aaaaaaaa", "cab\ncabbage"];
    const masker = Masker.of(secrets)!;
    const alphabet = ["a", "b", "c", "ab", "abab", "aaaa", "\n", "\u001b[1m", "é", "cabcab"];
    for (let seed = 1; seed <= 200; seed += 1) {
      const next = random(seed);
      const text = Array.from({ length: 60 }, () => alphabet[next(alphabet.length)]).join("");
      const bytes = Buffer.from(text);
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + next(9);
        pieces.push(bytes.subarray(at, at + size));
        at += size;
      }
      const whole = mask(masker, [bytes]);
      expect(mask(masker, pieces)).toBe(whole);
      const visible = whole.replaceAll("\u001b[1m", "");
      for (const secret of secrets) expect(visible).not.toContain(secret);
      expect(visible.replaceAll("[MASKED]", "")).toBe(
        withoutMatches(text.replaceAll("\u001b[1m", ""), secrets),
      );
    }
  });

  test("takes as long for a stream that always begins a secret as for any other", () => {
    const masker = Masker.of([`${"a".repeat(2000)}b`])!;
    const chunk = Buffer.alloc(1024 * 1024, "a");
    const startedAt = performance.now();
    let out = 0;
    for (let i = 0; i < 4; i += 1) out += masker.push(chunk).length;
    out += masker.end().length;
    expect(out).toBe(4 * 1024 * 1024);
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  test("needs some dozens of patterns per secret, not thousands", () => {
    expect(maskPatterns(["a common secret value"]).length).toBeLessThan(80);
  });
});

/** By looking at every place for every secret. */
function withoutMatches(text: string, secrets: string[]): string {
  const isHidden = new Array<boolean>(text.length).fill(false);
  for (const secret of maskPatterns(secrets)) {
    for (let at = text.indexOf(secret); at >= 0; at = text.indexOf(secret, at + 1))
      isHidden.fill(true, at, at + secret.length);
  }
  return [...text].length === text.length
    ? [...text].filter((_, index) => !isHidden[index]).join("")
    : Array.from({ length: text.length }, (_, i) => (isHidden[i] ? "" : text[i])).join("");
}
