import { compileSearch } from "../pipeline/expression/regex.ts";
import type { RegexText } from "../pipeline/pipeline.ts";
import type { LogStore } from "./store.ts";

const BLOCK_BYTES = 256 * 1024;
/** How far back from the log's end it is looked for. */
const MOST_BYTES = 8 * 1024 * 1024;
const MOST_OF_LINE = 16 * 1024;
const LF = 0x0a;

/**
 * The figure of the last line of a log that `pattern` is found in: the first number in what the pattern's last group took, or all of
 * it. Null: in none of the last 8 MiB. https://docs.gitlab.com/ci/yaml/#coverage
 */
export async function findCoverage(
  pattern: RegexText,
  readLog: (at: { offset: number; maxBytes: number }) => ReturnType<LogStore["readLog"]>,
  logBytes: number,
): Promise<number | null> {
  const search = compileSearch(pattern);
  const first = Math.max(0, logBytes - MOST_BYTES);
  /** The end of the line that the block before begins with. */
  let rest = Buffer.alloc(0);
  for (let end = logBytes; end > first; ) {
    const offset = Math.max(first, end - BLOCK_BYTES);
    const { bytes } = await readLog({ offset, maxBytes: end - offset });
    const block = Buffer.concat([bytes, rest]);
    const begin = offset === first ? 0 : block.indexOf(LF) + 1;
    const found = lastFigure(block.subarray(begin).toString(), search);
    if (found !== null) return found;
    rest = Buffer.from(block.subarray(0, begin).subarray(-MOST_OF_LINE));
    end = offset;
  }
  return null;
}

function lastFigure(text: string, search: (line: string) => string | undefined): number | null {
  for (const written of text.split("\n").reverse()) {
    if (written.startsWith(OWN_LINE)) continue;
    const line = written.slice(0, MOST_OF_LINE).replace(COLOR, "").trimEnd();
    const number = line === "" ? undefined : /\d+(?:\.\d+)?/.exec(search(line) ?? "")?.[0];
    if (number !== undefined && Number.isFinite(Number(number))) return Number(number);
  }
  return null;
}

/** What cicd says itself. */
const OWN_LINE = "\u001b[36mcicd: ";
const COLOR = /\u001b\[[0-9;]*[A-Za-z]/g;
