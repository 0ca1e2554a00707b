/** What differs between HEAD, index and working tree. Paths are git's bytes, one character per byte. */
export interface WorkingTreeStatus {
  /** Null before the first commit. */
  commit: string | null;
  /** Null when HEAD is detached. */
  branch: string | null;
  /** Files that git knows and that differ from HEAD, staged or not. */
  modified: number;
  untracked: string[];
  /** In the working tree with other content or another type than in the index. */
  changed: string[];
  /** In the index, gone from the working tree. */
  deleted: string[];
  /** Repositories inside this one that git does not know: not part of the tree. */
  nested: string[];
  /** Something is staged. */
  staged: boolean;
}

/** Where the path begins in a record of each kind: it follows this many fields. */
const FIELDS_BEFORE_PATH: Record<string, number> = { "1": 8, u: 10 };

/** Reads `git status --porcelain=v2 -z --branch --no-renames --untracked-files=all`, split at its zero bytes. */
export function parseStatus(lines: readonly string[]): WorkingTreeStatus {
  const status: WorkingTreeStatus = {
    commit: null,
    branch: null,
    modified: 0,
    untracked: [],
    changed: [],
    deleted: [],
    nested: [],
    staged: false,
  };
  for (const line of lines) {
    if (line.startsWith("# ")) readHeader(status, line);
    else if (line.startsWith("? ")) {
      const path = line.slice(2);
      if (path.endsWith("/")) status.nested.push(path.slice(0, -1));
      else status.untracked.push(path);
    } else readEntry(status, line);
  }
  return status;
}

function readHeader(status: WorkingTreeStatus, line: string): void {
  const [, key, value = ""] = /^# (\S+) (.*)$/s.exec(line) ?? [];
  if (key === "branch.oid" && value !== "(initial)") status.commit = value;
  if (key === "branch.head" && value !== "(detached)")
    status.branch = Buffer.from(value, "latin1").toString("utf8");
}

function readEntry(status: WorkingTreeStatus, line: string): void {
  const fields = line.split(" ");
  const kind = fields[0] ?? "";
  const path = fields.slice(FIELDS_BEFORE_PATH[kind] ?? fields.length).join(" ");
  if (path === "") return;
  const [staged, unstaged] = fields[1] ?? "";
  status.modified += 1;
  if (staged !== ".") status.staged = true;
  // Of an unmerged path the working tree's mode says whether a file is there.
  const missing = kind === "u" ? fields[6] === "000000" : unstaged === "D";
  if (missing) status.deleted.push(path);
  else if (unstaged !== "." || kind === "u") status.changed.push(path);
}
