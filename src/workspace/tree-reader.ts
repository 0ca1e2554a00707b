import { type Git, type GitAnswer, records } from "./git.ts";
import { openTemporaryDirectory, type StateDirectory } from "./state-directory.ts";
import { bareEnvironment, type TreeObjects } from "./tree-objects.ts";

/** One byte more than the largest pipeline file, so that a reader can tell that a file is too large. */
const MAX_FILE_BYTES = 1024 * 1024 + 1;
const MAX_HEADER_BYTES = 200;
/** So many of the largest files fit into one answer of git. */
const MAX_FILES_PER_ANSWER = 8;

interface Waiting {
  path: string;
  resolve(text: string | undefined): void;
  reject(error: unknown): void;
}

/**
 * Reads files of a git tree from its objects, by a git without any configuration; files that are asked for at the same time
 * by one git. `signal` ends it. `filesBelow` knows paths without git; undefined: not these.
 */
export class TreeReader {
  private waiting: Waiting[] = [];

  constructor(
    private readonly git: Git,
    private readonly state: StateDirectory,
    private readonly objects: TreeObjects,
    private readonly signal: AbortSignal,
    private readonly filesBelow: (directory: string) => string[] | undefined = () => undefined,
  ) {}

  /**
   * A file as UTF-8 text, cut after 1 MiB and one byte. Links are followed inside the tree only. Undefined: there is no
   * such file, it is a directory, or its name has a newline.
   */
  async readFile(path: string): Promise<string | undefined> {
    if (path.includes("\n") || path === "" || leavesTree(path)) return undefined;
    return new Promise((resolve, reject) => {
      this.waiting.push({ path, resolve, reject });
      if (this.waiting.length === 1) queueMicrotask(() => void this.readWaiting());
    });
  }

  /** Paths of the files and links below a directory, sorted. */
  async listFiles(prefix: string): Promise<string[]> {
    const directory = prefix.replace(/\/+$/, "");
    if (leavesTree(directory)) return [];
    const known = directory === "" ? undefined : this.filesBelow(directory);
    if (known !== undefined) return known;
    const args = ["ls-tree", "-r", "-z", "--name-only", this.objects.tree];
    const { stdout } = await this.run(directory === "" ? args : [...args, "--", `${directory}/`], {});
    return records(stdout, "\0")
      .map((name) => Buffer.from(name, "latin1").toString("utf8"))
      .sort();
  }

  private async readWaiting(): Promise<void> {
    let left = this.waiting;
    this.waiting = [];
    try {
      while (left.length > 0) {
        const texts = await this.readFirst(left.map(({ path }) => path));
        for (const [at, text] of texts.entries()) left[at]!.resolve(text);
        left = left.slice(texts.length);
      }
    } catch (error) {
      for (const { reject } of left) reject(error);
    }
  }

  /** The first of these files, one at least. */
  private async readFirst(paths: string[]): Promise<(string | undefined)[]> {
    const input = paths.map((path) => `${this.objects.tree}:${path}\n`).join("");
    const count = Math.min(paths.length, MAX_FILES_PER_ANSWER);
    const maxOutputBytes = count * (MAX_FILE_BYTES + MAX_HEADER_BYTES);
    const args = ["cat-file", "--batch", "--follow-symlinks"];
    const { stdout } = await this.run(args, { input, maxOutputBytes });
    return splitAnswers(stdout, paths.length);
  }

  private async run(args: string[], call: { input?: string; maxOutputBytes?: number }): Promise<GitAnswer> {
    await using directory = await openTemporaryDirectory(this.state, "read");
    const environment = await bareEnvironment(directory.path, this.objects);
    return await this.git({ ...call, args, cwd: directory.path, environment }, this.signal);
  }
}

/**
 * What `git cat-file --batch --follow-symlinks` says to `count` questions: a header line, and behind one with a size so many
 * bytes and a newline. Where the output was cut, only what is whole or as long as a file may be; the first in any case.
 */
function splitAnswers(stdout: Buffer, count: number): (string | undefined)[] {
  const texts: (string | undefined)[] = [];
  for (let at = 0; texts.length < count; ) {
    const headerEnd = stdout.indexOf(10, at);
    if (headerEnd < 0) break;
    const header = stdout.subarray(at, headerEnd).toString("latin1");
    const [, blob, size] = /^(?:[0-9a-f]+ (?:(blob)|\w+)|[a-z]+) (\d+)$/.exec(header) ?? [];
    const start = headerEnd + 1;
    const end = start + Math.min(Number(size ?? 0), MAX_FILE_BYTES);
    if (end > stdout.length) break;
    texts.push(blob === undefined ? undefined : stdout.subarray(start, end).toString("utf8"));
    at = size === undefined ? start : start + Number(size) + 1;
  }
  return texts.length === 0 ? [undefined] : texts;
}

function leavesTree(path: string): boolean {
  return path.startsWith("/") || path.split("/").some((part) => part === ".." || part === ".");
}
