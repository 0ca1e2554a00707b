import { beforeAll, describe, expect, test } from "bun:test";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Sandbox } from "../support/sandbox.ts";
import { scriptsTestImages } from "../support/scripts.ts";
import { unpackDebianSource, unpackNpmPackage } from "../support/upstream.ts";

const EXAMPLES = join(import.meta.dir, "../../docs/examples/real");

interface Project {
  pipeline: string;
  fetch: (directory: string, scratch: string) => Promise<void>;
  /** A fault that compiles and is wrong. */
  fault: { file: string; from: string; to: string };
  /** The job that finds it, a line of its log, and the jobs that must not start then. */
  found: { job: string; line: RegExp; skipped: string[] };
  /** What the last job prints when all is well. */
  proof: { job: string; line: string };
  artifact: { job: string; path: RegExp };
}

const PROJECTS: Project[] = [
  {
    pipeline: "bzip2",
    fetch: (directory, scratch) => unpackDebianSource("bzip2", directory, scratch),
    fault: { file: "crctable.c", from: "0x04c11db7L", to: "0x04c11db6L" },
    found: { job: "selftest", line: /sample1|CRC/, skipped: ["install", "link"] },
    proof: { job: "link", line: "linked with bzip2 1.0.8" },
    artifact: { job: "install", path: /^bzip2\.tar\.gz$/ },
  },
  {
    pipeline: "path-parse",
    fetch: (directory, scratch) => unpackNpmPackage("path-parse@1.0.6", directory, scratch),
    fault: { file: "index.js", from: "ext: allParts[3]", to: "ext: allParts[2]" },
    found: { job: "unit", line: /ERR_ASSERTION/, skipped: ["pack", "consumer"] },
    proof: { job: "consumer", line: "base is file.txt" },
    artifact: { job: "pack", path: /^path-parse-1\.0\.6\.tgz$/ },
  },
];

interface Job {
  name: string;
  status: string;
  artifacts: { path: string; sizeBytes: number }[];
}

async function report(sandbox: Sandbox, pipeline: string): Promise<Map<string, Job>> {
  const { stdout } = await sandbox.cicd("report", "-p", pipeline, "--run", "1", "--json");
  const { run } = JSON.parse(stdout) as { run: { stages: { jobs: Job[] }[] } };
  return new Map(run.stages.flatMap((stage) => stage.jobs).map((job) => [job.name, job]));
}

/** The project in a new repository, with its example pipeline. */
async function openProject(pipeline: string, upstream: string): Promise<Sandbox> {
  const text = await readFile(join(EXAMPLES, `${pipeline}.yml`), "utf8");
  const sandbox = await Sandbox.open({ [`.cicd-pipelines/${pipeline}.yml`]: text });
  await cp(upstream, sandbox.repo, { recursive: true });
  await sandbox.git("add", "-A", "-f");
  await sandbox.git("commit", "-q", "-m", "Take the project as it is released");
  return sandbox;
}

describe.each(PROJECTS)(
  "the real project $pipeline",
  ({ pipeline, fetch, fault, found, proof, artifact }) => {
    let scratch: string;
    let upstream: string;

    beforeAll(async () => {
      await scriptsTestImages("debian");
      scratch = await mkdtemp(join(tmpdir(), "cicd-upstream-"));
      upstream = join(scratch, "source");
      await fetch(upstream, scratch);
      return () => rm(scratch, { recursive: true, force: true });
    }, 600_000);

    test("is built, tested and packed, each job with the artifacts of the ones before", async () => {
      await using sandbox = await openProject(pipeline, upstream);
      const run = await sandbox.cicd("run");
      expect(run.stdout).toContain(`${pipeline} #1 succeeded`);
      expect(run.status).toBe(0);
      const jobs = await report(sandbox, pipeline);
      expect([...jobs.values()].filter((job) => job.status !== "success")).toEqual([]);
      const packed = jobs.get(artifact.job)!.artifacts.find(({ path }) => artifact.path.test(path));
      expect(packed?.sizeBytes).toBeGreaterThan(1_000);
      const log = await sandbox.cicd("logs", "-p", pipeline, "--job", proof.job);
      expect(log.stdout).toContain(proof.line);
      expect(await sandbox.dockerObjects()).toEqual([]);
    }, 300_000);

    test("fails in the right job when it is broken, and shows that job's last lines", async () => {
      await using sandbox = await openProject(pipeline, upstream);
      const path = join(sandbox.repo, fault.file);
      const source = await readFile(path, "utf8");
      expect(source).toContain(fault.from);
      await writeFile(path, source.replaceAll(fault.from, fault.to));
      const run = await sandbox.cicd("run");
      expect(run.status).toBe(1);
      expect(run.stderr).toContain("1 modified");
      const lastLines = run.stderr.slice(run.stderr.indexOf(`── ${found.job}: the last `));
      expect(lastLines).toMatch(found.line);
      const jobs = await report(sandbox, pipeline);
      expect(jobs.get(found.job)?.status).toBe("failed");
      for (const name of found.skipped) expect(jobs.get(name)?.status).toBe("skipped");
      expect(await sandbox.dockerObjects()).toEqual([]);
    }, 300_000);
  },
);
