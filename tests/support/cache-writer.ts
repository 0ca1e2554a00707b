import { createLayerStore } from "../../src/workspace/layers.ts";
import { openStateDirectory } from "../../src/workspace/state-directory.ts";

/** A process that saves under one key again and again: `cache-writer.ts STATE NAME ROUNDS`. Ten files, all with one text. */
const [root, name, rounds] = process.argv.slice(2);
const { caches } = createLayerStore(await openStateDirectory(root!));
for (let round = 0; round < Number(rounds); round += 1) {
  const directory = `${root}/tmp/${name}-${round}`;
  for (let file = 0; file < 10; file += 1) await Bun.write(`${directory}/${file}/x`, `${name} ${round}`);
  await using sink = await caches.openSink();
  await sink.addDirectory(directory, { accept: () => true });
  const { layer } = await sink.commit();
  const stored = { layer: layer!, sizeBytes: 1, selection: "all" };
  await caches.keep({ repoKey: "/repo", trust: "trusted" }, "shared", stored);
}
