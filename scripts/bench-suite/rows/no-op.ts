import type { Bench } from "../bench.ts";
import { contest } from "../contest.ts";
import { type BenchPipeline, chain, NO_OP } from "../pipelines.ts";
import { atMostTimes, type Finding, type Row, sideOf } from "../row.ts";

const CHAIN_LENGTH = 20;

export const noOp: Row = {
  name: "no-op",
  title: "4 no-op jobs in 3 stages, against a shell script of parallel docker run --rm",
  isCheap: true,
  measure: (bench) => against(bench, NO_OP, "4 jobs in 3 stages", { limit: 1, rounds: bench.rounds }),
};

export const chainOfNeeds: Row = {
  name: "chain",
  title: `a chain of ${CHAIN_LENGTH} no-op jobs by needs, against docker run --rm one after the other`,
  isCheap: false,
  measure: (bench) =>
    against(bench, chain(CHAIN_LENGTH), `chain of ${CHAIN_LENGTH}`, { limit: 0.6, rounds: bench.rounds }),
};

async function against(
  bench: Bench,
  pipeline: BenchPipeline,
  what: string,
  { limit, rounds }: { limit: number; rounds: number },
): Promise<Finding[]> {
  const contestants = [await bench.running(pipeline), await bench.byHand(pipeline)];
  const [own, byHand] = await contest(contestants, rounds);
  return [atMostTimes(what, sideOf("cicd run", "ms", own!), sideOf("docker run", "ms", byHand!), limit)];
}
