/** A seeded generator of numbers in [0, 1): mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const SCRAPS = [
  ..."\t\n \"'[]{}:,#-&*!|>%@`?~\\$\0\r",
  "\r\n",
  "- ",
  ": ",
  " #",
  "\n  ",
  "\n\n",
  "---\n",
  "...\n",
  "<<: ",
  "&a ",
  "*a",
  "!!str ",
  "? ",
  "|\n",
  ">-\n  ",
  "''",
  '""',
  "null",
  "true",
  "0x1F",
  "1e3",
  ".5",
  "1.",
  "-.inf",
  "0o7",
  "stage: ",
  "jobs:\n",
  "needs: [",
  "on: ",
  "on:\n  push:\n    branches: [",
  "  schedule: [{ cron: '* * * * *' }]\n",
  "tags: [a]\n",
  "interruptible: true\n",
  "__proto__: 1\n",
  "\ufeff",
  "\u2028",
  "日本",
  "\ud83d",
  "{a: b}",
  "[a, b]",
  "a: b\n",
  "- - - x\n",
  "    ",
];

/** The text with one to four small changes: insertions, deletions, copies and swaps of pieces and lines. */
export function mutate(text: string, random: () => number): string {
  let result = text;
  const position = () => Math.floor(random() * (result.length + 1));
  for (let count = 1 + Math.floor(random() * 4); count > 0; count--) {
    const at = position();
    const until = Math.min(result.length, at + 1 + Math.floor(random() * 12));
    switch (Math.floor(random() * 6)) {
      case 0:
        result = result.slice(0, at) + result.slice(until);
        break;
      case 1: {
        const to = position();
        result = result.slice(0, to) + result.slice(at, until) + result.slice(to);
        break;
      }
      case 2: {
        const lines = result.split("\n");
        const line = Math.floor(random() * lines.length);
        lines.splice(Math.floor(random() * lines.length), 0, ...lines.splice(line, 1));
        result = lines.join("\n");
        break;
      }
      default:
        result = result.slice(0, at) + SCRAPS[Math.floor(random() * SCRAPS.length)] + result.slice(at);
    }
  }
  return result;
}

const SMALL_SCRAPS = [
  ..."\n \"'[]{}:,#-|'\\ \n :-#\ta0.~",
  "- ",
  ": ",
  " #",
  "\n  ",
  "\n\n",
  "|\n",
  "|-\n   ",
  "''",
  '"a"',
  "null",
  "1.",
  "0x1",
  ".5",
  "- - x\n",
  "- a: b\n",
  "\n# c\n",
  " # c",
  "a: b\n",
  "{a: b}",
  "[a, b]",
  "    ",
  "\\n",
  '\\"',
  "-x",
  "- |\n    a\n",
];

/** Changes of one to three places that often leave valid YAML. */
export function nudge(text: string, random: () => number): string {
  let result = text;
  for (let count = 1 + Math.floor(random() * 3); count > 0; count--) {
    const at = Math.floor(random() * (result.length + 1));
    const cut = random() < 0.25;
    const scrap = cut ? "" : SMALL_SCRAPS[Math.floor(random() * SMALL_SCRAPS.length)];
    result = result.slice(0, at) + scrap + result.slice(cut ? at + 1 + Math.floor(random() * 4) : at);
  }
  return result;
}
