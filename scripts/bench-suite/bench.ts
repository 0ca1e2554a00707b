import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Contestant } from "./contest.ts";
import { DockerLeftovers } from "./docker-leftovers.ts";
import { type BenchPipeline, IMAGE, pipelineFile } from "./pipelines.ts";
import { endProcesses, outputOf, type ProcessOptions, timeProcess } from "./process.ts";

export const ROOT = join(import.meta.dir, "..", "..");
const NATIVE_FILE = ".cicd-pipelines/bench.yml";
const GITLAB_FILE = ".gitlab-ci.yml";

/** How a repository is filled beside its pipeline file: so many files of so many bytes, no two alike. */
export interface Filling {
  files: number;
  bytesEach: number;
}

const ONE_FILE: Filling = { files: 1, bytesEach: 1_000 };

/**
 * Where everything is measured: a temporary directory with repositories, a home and a state directory of their own. Its
 * disposal ends what still runs and removes everything that was made, in Docker too.
 */
export class Bench implements AsyncDisposable {
  readonly directory: string;
  readonly rounds: number;
  readonly environment: Record<string, string>;
  readonly cicd = join(ROOT, "dist", "cicd");
  readonly #leftovers: DockerLeftovers;
  readonly #repositories = new Map<string, Promise<string>>();
  readonly #releases: (() => Promise<void>)[] = [];
  #ending: Promise<void> | undefined;

  private constructor(
    directory: string,
    rounds: number,
    environment: Record<string, string>,
    leftovers: DockerLeftovers,
  ) {
    this.directory = directory;
    this.rounds = rounds;
    this.environment = environment;
    this.#leftovers = leftovers;
  }

  static async open(rounds: number): Promise<Bench> {
    // HOME changes below, and with it the docker client's context.
    const host = await outputOf(["docker", "context", "inspect", "-f", "{{.Endpoints.docker.Host}}"]);
    const leftovers = await DockerLeftovers.watch();
    const directory = await mkdtemp(join(tmpdir(), "cicd-bench-"));
    await mkdir(join(directory, "home"));
    const environment = {
      PATH: process.env.PATH ?? "",
      HOME: join(directory, "home"),
      XDG_STATE_HOME: join(directory, "state"),
      XDG_CONFIG_HOME: join(directory, "config"),
      LANG: "C.UTF-8",
      DOCKER_HOST: host.trim(),
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_CONFIG_SYSTEM: "/dev/null",
    };
    return new Bench(directory, rounds, environment, leftovers);
  }

  /** For what takes a minute or more a time. */
  get fewRounds(): number {
    return Math.ceil(this.rounds / 2);
  }

  /** What is to be done at the end, before the directory is removed; the last first. */
  onEnd(release: () => Promise<void>): void {
    this.#releases.push(release);
  }

  /** The path of a committed repository with that pipeline, made when it is first asked for. */
  repository(
    pipeline: BenchPipeline,
    dialect: "native" | "gitlab",
    filling: Filling = ONE_FILE,
  ): Promise<string> {
    const name = `${pipeline.name}-${dialect}-${filling.files}`;
    const made = this.#repositories.get(name) ?? this.#makeRepository(name, pipeline, dialect, filling);
    this.#repositories.set(name, made);
    return made;
  }

  /** One process in `cwd`; returns its wall clock in milliseconds. Throws when it fails. */
  time(command: string[], cwd: string, options: Partial<ProcessOptions> = {}): Promise<number> {
    const output = join(this.directory, "output");
    return timeProcess(command, { cwd, env: this.environment, output, ...options });
  }

  /** `cicd run` on that pipeline. */
  async running(pipeline: BenchPipeline, filling?: Filling): Promise<Contestant> {
    const repository = await this.repository(pipeline, "native", filling);
    return { name: "cicd run", run: () => this.time([this.cicd, "run"], repository) };
  }

  /** The same work by hand. */
  async byHand(pipeline: BenchPipeline, parallel = 1): Promise<Contestant> {
    const script = join(this.directory, `${pipeline.name}-${parallel}.sh`);
    await writeFile(script, pipeline.byHand(`docker run --rm ${IMAGE} sh -c true`, parallel));
    return { name: "docker run", run: () => this.time(["sh", script], this.directory) };
  }

  async git(cwd: string, ...args: string[]): Promise<void> {
    // Without `maintenance.auto`, git would go on in the background.
    const settings = [
      "user.name=Bench",
      "user.email=bench@example.org",
      "maintenance.auto=false",
      "gc.auto=0",
    ];
    const config = settings.flatMap((setting) => ["-c", setting]);
    await outputOf(["git", ...config, ...args], { cwd, env: this.environment });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    await endProcesses();
    for (const release of this.#releases.reverse()) await release();
    await this.#leftovers.remove(join(this.directory, "state", "cicd", "instance"));
    await rm(this.directory, { recursive: true, force: true });
  }

  async #makeRepository(
    name: string,
    pipeline: BenchPipeline,
    dialect: "native" | "gitlab",
    { files, bytesEach }: Filling,
  ): Promise<string> {
    const repository = join(this.directory, "repositories", name);
    const write = async (path: string, content: string) => {
      await mkdir(dirname(join(repository, path)), { recursive: true });
      await writeFile(join(repository, path), content);
    };
    await write(dialect === "native" ? NATIVE_FILE : GITLAB_FILE, pipelineFile(pipeline, dialect));
    await write("README.md", "What the benchmark works on.\n");
    for (let n = 1; n < files; n++) {
      await write(`files/${n % 100}/${n}.txt`, randomBytes(bytesEach / 2).toString("hex"));
    }
    await this.git(repository, "init", "-q", "-b", "main");
    await this.git(repository, "add", "-A");
    await this.git(repository, "commit", "-q", "-m", "Begin");
    await this.git(repository, "repack", "-q", "-a", "-d", "--window=0");
    // gitlab-ci-local asks for them.
    await this.git(repository, "remote", "add", "origin", "https://git.example.org/bench/repository.git");
    await this.git(repository, "update-ref", "refs/remotes/origin/main", "HEAD");
    await this.git(repository, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main");
    return repository;
  }
}
