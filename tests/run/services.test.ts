import { expect, test } from "bun:test";
import { FakeExecutor } from "../../src/executor/fake/fake-executor.ts";
import type { AttemptSpec } from "../../src/run/executor.ts";
import { Orchestra } from "../support/orchestra.ts";
import { plannedJob, planOf } from "../support/plans.ts";

class Watched extends FakeExecutor {
  readonly specs: AttemptSpec[] = [];

  override start(spec: AttemptSpec, signal: AbortSignal) {
    this.specs.push(spec);
    return super.start(spec, signal);
  }
}

test("what only a run knows goes into the image and the services of a job, and what is not to be expanded stays", async () => {
  await using orchestra = await Orchestra.open();
  const image = { entrypoint: undefined, pullPolicy: "never" as const };
  const job = plannedJob("a", {
    image: { ...image, name: "app:$CI_COMMIT_BRANCH", user: "$WHO", platform: "linux/$ARCH" },
    variables: { WHO: "me", ARCH: "arm64", LEVEL: "job's" },
    services: [
      {
        ...image,
        name: "db:$CI_COMMIT_BRANCH",
        aliases: ["$WHO"],
        command: undefined,
        variables: {
          OF: "$CI_JOB_NAME, $LEVEL",
          LEVEL: "service's",
          RAW: { value: "$WHO", expand: false },
        },
        healthcheck: undefined,
      },
    ],
  });
  const executor = new Watched(orchestra.engine, "testinstance");
  await orchestra.run(planOf([job]), { executor });
  const [spec] = executor.specs;
  expect(spec!.job.image).toMatchObject({ name: "app:main", user: "me", platform: "linux/arm64" });
  expect(spec!.job.services).toMatchObject([
    {
      name: "db:main",
      aliases: ["me"],
      variables: { OF: "a, service's", LEVEL: "service's", RAW: "$WHO" },
    },
  ]);
  expect(spec!.environment).toMatchObject({ LEVEL: "job's" });
});
