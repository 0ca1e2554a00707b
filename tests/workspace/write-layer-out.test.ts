import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CicdError } from "../../src/errors/cicd-error.ts";
import { writeLayerOut } from "../../src/workspace/write-layer-out.ts";

test.each([false, true])(
  "artifacts go into a directory, never to or below a file (force: %p)",
  async (force) => {
    const root = mkdtempSync(join(tmpdir(), "cicd-out-"));
    try {
      const layer = join(root, "layer");
      mkdirSync(layer);
      writeFileSync(join(layer, "a"), "a");
      const file = join(root, "file");
      writeFileSync(file, "mine");
      for (const target of [file, join(file, "below")]) {
        const writing = writeLayerOut(layer, target, { force }, new AbortController().signal);
        const error = await writing.catch((reason: CicdError) => reason);
        expect(error).toMatchObject({ code: "USAGE", message: `${file} is not a directory.` });
      }
      expect(await Bun.file(file).text()).toBe("mine");
      expect(readdirSync(root).sort()).toEqual(["file", "layer"]);
    } finally {
      rmSync(root, { recursive: true });
    }
  },
);
