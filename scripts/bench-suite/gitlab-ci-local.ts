import { chmod, cp, mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Bench, type Filling, ROOT } from "./bench.ts";
import type { Contestant } from "./contest.ts";
import { type BenchPipeline, IMAGE } from "./pipelines.ts";
import { outputOf } from "./process.ts";
import { NotMeasurable } from "./row.ts";

export const RIVAL_VERSION = "4.75.1";
const HELPER_IMAGE = "cicd-bench/gitlab-ci-local-helper:1";
const CACHE = join(ROOT, "node_modules", ".cache", "bench-suite", `gitlab-ci-local-${RIVAL_VERSION}`);
const PROGRAM = join(CACHE, "node_modules", "gitlab-ci-local", "dist", "index.js");
/** Debian's rsync and those of its libraries that a machine without it may lack. */
const RSYNC_PACKAGES = ["rsync", "libpopt0", "libxxhash0", "liblz4-1"];

/** gitlab-ci-local from npm, ready to run: installed, with rsync beside it, and with the helper image it needs. */
export class GitlabCiLocal {
  static readonly #opened = new WeakMap<Bench, Promise<GitlabCiLocal>>();
  readonly #bench: Bench;
  readonly #environment: Record<string, string>;

  private constructor(bench: Bench, environment: Record<string, string>) {
    this.#bench = bench;
    this.#environment = environment;
  }

  /** Once per bench. Throws NotMeasurable where rsync cannot be had. */
  static of(bench: Bench): Promise<GitlabCiLocal> {
    const opening = GitlabCiLocal.#opened.get(bench) ?? GitlabCiLocal.#open(bench);
    GitlabCiLocal.#opened.set(bench, opening);
    return opening;
  }

  /** With its defaults, but for the image that it would pull. */
  async running(pipeline: BenchPipeline, filling?: Filling): Promise<Contestant> {
    const repository = await this.#bench.repository(pipeline, "gitlab", filling);
    const options = ["--helper-image", HELPER_IMAGE, "--pull-policy", "if-not-present"];
    const command = [process.execPath, PROGRAM, ...options];
    const env = this.#environment;
    return { name: "gitlab-ci-local", run: () => this.#bench.time(command, repository, { env }) };
  }

  static async #open(bench: Bench): Promise<GitlabCiLocal> {
    await install();
    const rsync = await findRsync();
    await makeHelperImage(bench, rsync);
    const PATH = `${dirname(rsync.command)}:${bench.environment.PATH}`;
    return new GitlabCiLocal(bench, { ...bench.environment, PATH });
  }
}

interface Rsync {
  /** What is called. */
  command: string;
  program: string;
  /** Where its libraries are looked for first; empty: where all are. */
  libraries: string;
}

async function install(): Promise<void> {
  if (await Bun.file(PROGRAM).exists()) return;
  await mkdir(CACHE, { recursive: true });
  const manifest = { private: true, dependencies: { "gitlab-ci-local": RIVAL_VERSION } };
  await writeFile(join(CACHE, "package.json"), JSON.stringify(manifest));
  await outputOf([process.execPath, "install", "--no-save"], { cwd: CACHE });
}

/** This machine's, or the one in Debian's package, unpacked beside gitlab-ci-local: nothing is installed. */
async function findRsync(): Promise<Rsync> {
  const found = Bun.which("rsync");
  if (found !== null) return { command: found, program: found, libraries: "" };
  const packages = join(CACHE, "packages");
  try {
    await mkdir(packages, { recursive: true });
    const program = join(packages, "usr", "bin", "rsync");
    if (!(await Bun.file(program).exists())) await fetchRsync(packages);
    const [library = ""] = new Bun.Glob("usr/lib/*/libpopt.so.0").scanSync(packages);
    const libraries = join(packages, dirname(library));
    const command = join(CACHE, "bin", "rsync");
    await mkdir(dirname(command), { recursive: true });
    await writeFile(command, `#!/bin/sh\nLD_LIBRARY_PATH=${libraries} exec ${program} "$@"\n`);
    await chmod(command, 0o755);
    await outputOf([command, "--version"]);
    return { command, program, libraries };
  } catch (error) {
    throw new NotMeasurable(`gitlab-ci-local needs rsync: install it (${String(error).split("\n")[0]})`);
  }
}

async function fetchRsync(directory: string): Promise<void> {
  await outputOf(["apt-get", "-qq", "download", ...RSYNC_PACKAGES], { cwd: directory });
  for (const file of new Bun.Glob("*.deb").scanSync(directory)) {
    await outputOf(["dpkg-deb", "-x", join(directory, file), directory]);
  }
}

/** The test image with bash and rsync, from this machine's own programs. */
async function makeHelperImage(bench: Bench, rsync: Rsync): Promise<void> {
  const tree = join(bench.directory, "helper");
  const env = rsync.libraries === "" ? {} : { LD_LIBRARY_PATH: rsync.libraries };
  for (const program of [rsync.program, Bun.which("bash") ?? "/bin/bash"]) {
    const listed = await outputOf(["ldd", program], { env: { ...bench.environment, ...env } });
    const libraries = listed.match(/\/\S+/g) ?? [];
    await mkdir(join(tree, "bin"), { recursive: true });
    await cp(program, join(tree, "bin", basename(program)));
    for (const library of libraries) {
      const place = library.startsWith(rsync.libraries || "\0") ? `/usr/lib/${basename(library)}` : library;
      await mkdir(dirname(join(tree, place)), { recursive: true });
      await cp(library, join(tree, place), { dereference: true });
    }
  }
  const id = (await outputOf(["docker", "create", IMAGE, "true"])).trim();
  try {
    await outputOf(["docker", "cp", `${tree}/.`, `${id}:/`]);
    await outputOf(["docker", "commit", id, HELPER_IMAGE]);
    bench.onEnd(async () => void (await outputOf(["docker", "image", "rm", HELPER_IMAGE])));
  } finally {
    await outputOf(["docker", "rm", id]);
  }
}
