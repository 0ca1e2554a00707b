import { readFile } from "node:fs/promises";
import { cpus, release, totalmem } from "node:os";
import type { Bench } from "./bench.ts";
import { RIVAL_VERSION } from "./gitlab-ci-local.ts";
import { outputOf } from "./process.ts";

/** What the figures depend on, by name. */
export async function describeMachine(bench: Bench): Promise<Record<string, string>> {
  const docker = JSON.parse(await outputOf(["docker", "info", "--format", "{{json .}}"])) as DockerInfo;
  const client = await outputOf(["docker", "version", "--format", "{{.Client.Version}}"]);
  const processors = cpus();
  const load = await readFile("/proc/loadavg", "utf8").catch(() => "");
  return {
    date: new Date().toISOString(),
    machine: `${processors.length} × ${processors[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    "load before": load.split(" ").slice(0, 3).join(" ") || "not known",
    system: `${docker.OperatingSystem}, ${process.platform} ${release()}`,
    docker: `engine ${docker.ServerVersion}, client ${client.trim()}`,
    storage: `${docker.Driver}, logs ${docker.LoggingDriver}, cgroup ${docker.CgroupDriver} v${docker.CgroupVersion}`,
    cicd: (await outputOf([bench.cicd, "--version"])).trim(),
    others: `bun ${Bun.version}, ${(await outputOf(["git", "--version"])).trim()}, gitlab-ci-local ${RIVAL_VERSION}`,
  };
}

interface DockerInfo {
  ServerVersion: string;
  OperatingSystem: string;
  Driver: string;
  LoggingDriver: string;
  CgroupDriver: string;
  CgroupVersion: string;
}
