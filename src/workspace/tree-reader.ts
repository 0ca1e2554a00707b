import { type Git, type GitAnswer, records } from "./git.ts";
import { openTemporaryDirectory, type StateDirectory } from "./state-directory.ts";
import { bareEnvironment, type TreeObjects } from "./tree-objects.ts";

/** One byte more than the largest pipeline file, so that a reader can tell that a file is too large. */
const MAX_FILE_BYTES = 1024 * 1024 + 1;

/** Reads files of a git tree from its objects, by a git without any configuration. */
export class TreeReader {
  constructor(
    private readonly git: Git,
    private readonly state: StateDirectory,
    private readonly objects: TreeObjects,
  ) {}

  /**
   * A file as UTF-8 text, cut after 1 MiB and one byte. Links are followed inside the tree only. Undefined: there is no
   * such file, it is a directory, or its name has a newline.
   */
  async readFile(path: string, signal: AbortSignal): Promise<string | undefined> {
    if (path.includes("\n") || path === "" || leavesTree(path)) return undefined;
    const input = `${this.objects.tree}:${path}\n`;
    const maxOutputBytes = MAX_FILE_BYTES + 200;
    const args = ["cat-file", "--batch", "--follow-symlinks"];
    const { stdout } = await this.run(args, { input, maxOutputBytes }, signal);
    const headerEnd = stdout.indexOf(10);
    const [, size] = /^[0-9a-f]+ blob (\d+)$/.exec(stdout.subarray(0, headerEnd).toString("latin1")) ?? [];
    if (size === undefined) return undefined;
    const end = headerEnd + 1 + Math.min(Number(size), MAX_FILE_BYTES);
    return stdout.subarray(headerEnd + 1, end).toString("utf8");
  }

  /** Paths of the files and links below a directory, sorted. */
  async listFiles(prefix: string, signal: AbortSignal): Promise<string[]> {
    const directory = prefix.replace(/\/+$/, "");
    if (leavesTree(directory)) return [];
    const args = ["ls-tree", "-r", "-z", "--name-only", this.objects.tree];
    const { stdout } = await this.run(directory === "" ? args : [...args, "--", `${directory}/`], {}, signal);
    return records(stdout, "\0")
      .map((name) => Buffer.from(name, "latin1").toString("utf8"))
      .sort();
  }

  private async run(
    args: string[],
    call: { input?: string; maxOutputBytes?: number },
    signal: AbortSignal,
  ): Promise<GitAnswer> {
    await using directory = await openTemporaryDirectory(this.state, "read");
    const environment = await bareEnvironment(directory.path, this.objects);
    return await this.git({ ...call, args, cwd: directory.path, environment }, signal);
  }
}

function leavesTree(path: string): boolean {
  return path.startsWith("/") || path.split("/").some((part) => part === ".." || part === ".");
}
