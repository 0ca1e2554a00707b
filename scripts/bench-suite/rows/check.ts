import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "../bench.ts";
import { type Contestant, contest } from "../contest.ts";
import { type BenchPipeline, NO_OP, pipelineFile } from "../pipelines.ts";
import { atMost, type Finding, type Row, type Side, sideOf } from "../row.ts";

const SIZES = [500, 1_000, 2_000] as const;
const TIMES_AS_MANY = 2;
const MOST_MS = 60;
/** Twice as much costs twice as much; quadratic growth would make this 2. */
const MOST_GROWTH = 1.5;

/** Reading, validating and planning a large file; growth is judged by what each further job costs. */
export const check: Row = {
  name: "check",
  title: "check of a file of 500 jobs; of 1,000 and 2,000 for the growth",
  isCheap: true,
  async measure(bench) {
    const contestants = await checking(bench);
    const samples = await contest(contestants, bench.rounds * TIMES_AS_MANY);
    const sides = contestants.map(({ name }, index) => sideOf(name, "ms", samples[index]!));
    return [atMost("check of 500 jobs", sides[0]!, MOST_MS), growth(sides)];
  },
};

/** `cicd check` of a file of 500 jobs, of 1,000 and of 2,000. */
export async function checking(bench: Bench): Promise<Contestant[]> {
  const repository = await bench.repository(NO_OP, "native");
  return Promise.all(
    SIZES.map(async (size) => {
      const file = join(bench.directory, `${size}-jobs.yml`);
      await writeFile(file, pipelineFile(manyJobs(size), "native"));
      return { name: `${size} jobs`, run: () => bench.time([bench.cicd, "check", "-f", file], repository) };
    }),
  );
}

/** `sides` are those of `checking`, in its order. */
export function growth(sides: readonly Side[], limit = MOST_GROWTH): Finding {
  const [small, middle, large] = sides.map(({ median }) => median) as [number, number, number];
  const value = (large - middle) / (SIZES[2] - SIZES[1]) / ((middle - small) / (SIZES[1] - SIZES[0]));
  return {
    ...{ what: "check grows linearly", sides: [...sides], value, limit, holds: value <= limit },
    goal: `a job costs ≤ ${limit} × as much beyond 1,000 as before`,
    result: `${value.toFixed(2)} ×`,
  };
}

/** Jobs as people write them: some lines of script, variables, a need. */
function manyJobs(count: number): BenchPipeline {
  const jobs = Array.from({ length: count }, (_, index) => ({
    name: `job-${index}`,
    stage: index % 2 === 0 ? "build" : "test",
    ...(index % 2 === 1 && { needs: [`job-${index - 1}`] }),
    variables: { NAME: `module-${index}`, LEVEL: "3" },
    script: `make module-${index} && ./run-checks --module $NAME --level "$LEVEL" --report out/${index}.xml`,
  }));
  return { name: "large", stages: ["build", "test"], jobs, byHand: () => "" };
}
