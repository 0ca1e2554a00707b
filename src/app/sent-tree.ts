import type { FileText } from "../pipeline/compose/compose.ts";
import type { IncludeTree } from "./parse-in-rounds.ts";

/** What pipeline files look at in their tree while they are put together, so that a host without that tree can do it, too. */
export interface SentTree {
  /** Included files as they were read; `problem`: why one cannot be. */
  files: ({ file: string; text: string } | { file: string; problem: string })[];
  /** Every path of the tree, where patterns are matched with them. */
  paths: string[];
  /** `base` "": the default one. Null: not known. */
  changed: { base: string; paths: string[] | null }[];
  predefined: Record<string, string>;
}

/** The tree, and what has been asked of it so far. */
export function recordedTree(tree: IncludeTree): { tree: IncludeTree; sent: () => SentTree } {
  const files = new Map<string, FileText>();
  const changed = new Map<string, readonly string[] | null>();
  let paths: readonly string[] = [];
  let predefined: Readonly<Record<string, string>> = {};
  return {
    sent: () => ({
      files: [...files].map(([file, text]) => ({ file, ...text })),
      paths: [...paths],
      changed: [...changed].map(([base, differing]) => ({ base, paths: differing && [...differing] })),
      predefined: { ...predefined },
    }),
    tree: {
      async read(path) {
        const text = await tree.read(path);
        files.set(path, text);
        return text;
      },
      async paths() {
        paths = await tree.paths();
        return paths;
      },
      async facts() {
        const facts = await tree.facts();
        ({ predefined } = facts);
        return facts;
      },
      async changed(base) {
        const differing = await tree.changed(base);
        changed.set(base, differing);
        return differing;
      },
    },
  };
}

/** The tree as it was sent. `run`: variables of `--var`. */
export function treeOfSent(sent: SentTree, run: Record<string, string>): IncludeTree {
  const files = new Map(sent.files.map(({ file, ...text }) => [file, text as FileText]));
  const changed = new Map(sent.changed.map(({ base, paths }) => [base, paths]));
  return {
    read: async (path) => files.get(path) ?? { problem: "it was not sent" },
    paths: async () => sent.paths,
    facts: async () => ({ predefined: sent.predefined, run }),
    changed: async (base) => changed.get(base) ?? null,
  };
}
