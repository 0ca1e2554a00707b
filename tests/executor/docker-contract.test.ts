import { setDefaultTimeout } from "bun:test";
import { createDockerExecutor } from "../../src/executor/docker/docker-executor.ts";
import type { WorkspaceMode } from "../../src/executor/docker/workspace-volumes.ts";
import { executorContract, type MakeExecutor } from "../contract/executor.ts";
import { scriptingContract } from "../contract/scripting.ts";
import { dockerHost } from "../support/docker.ts";
import { testImage } from "../support/images.ts";

setDefaultTimeout(120_000);

const options = {
  image: async () => ({
    name: await testImage("busybox"),
    entrypoint: undefined,
    pullPolicy: "if-not-present" as const,
  }),
  ignoreTerm: "trap '' TERM",
};

const make =
  (workspaceMode: WorkspaceMode): MakeExecutor =>
  (place) =>
    createDockerExecutor({ ...place, connection: { host: dockerHost() }, workspaceMode });

executorContract("docker, overlay", make("overlay"), options);
executorContract("docker, copy", make("copy"), options);
scriptingContract("docker", make("overlay"), options);
