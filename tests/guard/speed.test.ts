import { afterAll, beforeAll, describe, test } from "bun:test";
import { Bench } from "../../scripts/bench-suite/bench.ts";
import { type Contestant, contest } from "../../scripts/bench-suite/contest.ts";
import { type BenchPipeline, chain, NO_OP } from "../../scripts/bench-suite/pipelines.ts";
import { atMostTimes, type Finding, sideOf } from "../../scripts/bench-suite/row.ts";
import { checking, growth } from "../../scripts/bench-suite/rows/check.ts";
import { askingVersion } from "../../scripts/bench-suite/rows/version.ts";
import { binary } from "../support/binary.ts";
import { testImage } from "../support/images.ts";

/** By how much a promise may be missed, here where the machine may have other things to do, before that is a regression. */
const HEADROOM = 1.5;
const LINKS = 4;

interface Guarded {
  what: string;
  /** Of the first look; the second, which decides, takes twice as many. */
  rounds: number;
  measure(bench: Bench, rounds: number): Promise<Finding>;
}

/** The cheap rows of `scripts/bench`. Each compares what is measured in the same seconds; no time stands here. */
const GUARDED: Guarded[] = [
  {
    what: "cicd --version takes no longer than docker --version",
    rounds: 15,
    measure: (bench, rounds) => compare(askingVersion(bench), rounds, 1 * HEADROOM),
  },
  {
    what: "check of 500 jobs takes at most so many times what docker --version takes",
    rounds: 10,
    measure: async (bench, rounds) => {
      const [small] = await checking(bench);
      const [, yardstick] = askingVersion(bench);
      return compare([small!, yardstick], rounds, 4 * HEADROOM);
    },
  },
  {
    what: "check of a further job costs as much in a large file as in a small one",
    rounds: 8,
    measure: async (bench, rounds) => {
      const contestants = await checking(bench);
      const samples = await contest(contestants, rounds);
      const sides = contestants.map(({ name }, index) => sideOf(name, "ms", samples[index]!));
      return growth(sides, 1.75);
    },
  },
  {
    what: "a run of 4 jobs in 3 stages takes no longer than the shell script of docker run",
    rounds: 3,
    measure: async (bench, rounds) => compare(await withDocker(bench, NO_OP), rounds, 1 * HEADROOM),
  },
  {
    what: `a chain of ${LINKS} jobs takes no longer than docker run one after the other`,
    rounds: 2,
    measure: async (bench, rounds) => compare(await withDocker(bench, chain(LINKS)), rounds, 1 * HEADROOM),
  },
];

async function withDocker(bench: Bench, pipeline: BenchPipeline): Promise<[Contestant, Contestant]> {
  return [await bench.running(pipeline), await bench.byHand(pipeline)];
}

async function compare(
  contestants: [Contestant, Contestant],
  rounds: number,
  limit: number,
): Promise<Finding> {
  const [own, other] = contestants;
  const samples = await contest(contestants, rounds);
  return atMostTimes(
    own.name,
    sideOf(own.name, "ms", samples[0]!),
    sideOf(other.name, "ms", samples[1]!),
    limit,
  );
}

function say({ what, sides, result, goal }: Finding): string {
  const medians = sides.map(({ name, median }) => `${name} ${median.toFixed(0)} ms`);
  return `${what}: ${result} (${goal}): ${medians.join(", ")}`;
}

describe("as fast as promised, but for a clear regression:", () => {
  let bench: Bench;
  beforeAll(async () => {
    await Promise.all([binary(), testImage("busybox")]);
    bench = await Bench.open(1);
  }, 120_000);
  afterAll(() => bench[Symbol.asyncDispose]());

  test.each(GUARDED)(
    "$what",
    async ({ measure, rounds }) => {
      const first = await measure(bench, rounds);
      console.log(say(first));
      if (first.holds) return;
      const second = await measure(bench, rounds * 2);
      console.log(say(second));
      if (!second.holds) throw new Error(say(second));
    },
    240_000,
  );
});
