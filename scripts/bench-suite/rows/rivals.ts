import type { Filling } from "../bench.ts";
import { contest } from "../contest.ts";
import { GitlabCiLocal } from "../gitlab-ci-local.ts";
import { type BenchPipeline, chain, fan, NO_OP } from "../pipelines.ts";
import { type Row, sideOf, timesFaster } from "../row.ts";
import { FAN_WIDTH } from "./fan-out.ts";
import { EIGHT_JOBS, LARGE } from "./large-repository.ts";

interface Rival {
  pipeline: BenchPipeline;
  filling?: Filling;
  limit: number;
  /** It is measured so many times less often than other rows. */
  slowness: number;
}

/** The same four pipelines, run by gitlab-ci-local from npm on the Bun that cicd is built with. */
export const rivalRows: readonly Row[] = [
  rival("no-op", "4 jobs in 3 stages", { pipeline: NO_OP, limit: 4, slowness: 2 }),
  rival("chain", "chain of 20", { pipeline: chain(20), limit: 4, slowness: 2 }),
  rival("fan-out", `${FAN_WIDTH} independent jobs`, { pipeline: fan(FAN_WIDTH), limit: 4, slowness: 2 }),
  rival("large-repository", "repository of 200 MB", {
    pipeline: EIGHT_JOBS,
    filling: LARGE,
    limit: 10,
    slowness: 4,
  }),
];

function rival(name: string, what: string, { pipeline, filling, limit, slowness }: Rival): Row {
  return {
    name: `${name}-rival`,
    title: `${what}, against gitlab-ci-local`,
    isCheap: false,
    async measure(bench) {
      const gitlabCiLocal = await GitlabCiLocal.of(bench);
      const contestants = [
        await bench.running(pipeline, filling),
        await gitlabCiLocal.running(pipeline, filling),
      ];
      const [own, other] = await contest(contestants, Math.ceil(bench.rounds / slowness));
      const sides = [sideOf("cicd run", "ms", own!), sideOf("gitlab-ci-local", "ms", other!)] as const;
      return [timesFaster(`${what}, against gitlab-ci-local`, ...sides, limit)];
    },
  };
}
