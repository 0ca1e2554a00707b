import { availableParallelism } from "node:os";
import type { Bench } from "../bench.ts";
import { contest } from "../contest.ts";
import { fan } from "../pipelines.ts";
import { atMostTimes, type Row, sideOf } from "../row.ts";

export const FAN_WIDTH = 50;
/** Per processor. */
const PARALLEL = [1, 2, 4, 8];

export const fanOut: Row = {
  name: "fan-out",
  title: `${FAN_WIDTH} independent no-op jobs, against xargs -P of docker run --rm at its best parallelism`,
  isCheap: false,
  async measure(bench) {
    const parallel = await bestParallelism(bench);
    const pipeline = fan(FAN_WIDTH);
    const contestants = [await bench.running(pipeline), await bench.byHand(pipeline, parallel)];
    const [own, byHand] = await contest(contestants, bench.rounds);
    const sides = [sideOf("cicd run", "ms", own!), sideOf(`xargs -P ${parallel}`, "ms", byHand!)] as const;
    return [atMostTimes(`${FAN_WIDTH} independent jobs`, ...sides, 1.1)];
  },
};

/** How many `docker run` at a time are done soonest here: tried once each, after one to get warm. */
async function bestParallelism(bench: Bench): Promise<number> {
  const levels = PARALLEL.map((factor) => Math.min(FAN_WIDTH, factor * availableParallelism()));
  const contestants = await Promise.all(levels.map((level) => bench.byHand(fan(FAN_WIDTH), level)));
  await contestants[0]!.run();
  let best = { level: 1, tookMs: Number.POSITIVE_INFINITY };
  for (const [index, { run }] of contestants.entries()) {
    const tookMs = await run();
    if (tookMs < best.tookMs) best = { level: levels[index]!, tookMs };
  }
  return best.level;
}
