import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Subprocess } from "bun";
import { binary } from "./binary.ts";

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** A git repository and a state directory of its own, in which the compiled executable is used as a person would. */
export class Sandbox implements AsyncDisposable {
  readonly directory: string;
  readonly repo: string;
  readonly environment: Record<string, string>;
  readonly #binary: string;
  readonly #children = new Set<Subprocess>();

  private constructor(directory: string, path: string, environment: Record<string, string>) {
    this.directory = directory;
    this.repo = join(directory, "repo");
    this.#binary = path;
    this.environment = {
      PATH: process.env.PATH ?? "",
      HOME: join(directory, "home"),
      XDG_STATE_HOME: join(directory, "state"),
      XDG_CONFIG_HOME: join(directory, "config"),
      LANG: "C.UTF-8",
      ...environment,
    };
  }

  /** `files` are committed. */
  static async open(
    files: Record<string, string>,
    environment: Record<string, string> = {},
  ): Promise<Sandbox> {
    const directory = await mkdtemp(join(tmpdir(), "cicd-sandbox-"));
    const sandbox = new Sandbox(directory, await binary(), environment);
    await mkdir(join(directory, "home"));
    await sandbox.write(files);
    await sandbox.git("init", "-q", "-b", "main");
    await sandbox.git("add", "-A");
    await sandbox.git("commit", "-q", "-m", "Begin");
    return sandbox;
  }

  async write(files: Record<string, string>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(this.repo, name)), { recursive: true });
      await writeFile(join(this.repo, name), text);
    }
  }

  async git(...args: string[]): Promise<string> {
    const identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"];
    const { stdout, status, stderr } = await finish(this.#start(["git", ...identity, ...args]));
    if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** Runs `cicd` with these arguments to its end. */
  cicd(...args: string[]): Promise<Ended> {
    return finish(this.start(...args));
  }

  start(...args: string[]): Subprocess<"ignore", "pipe", "pipe"> {
    return this.#start([this.#binary, ...args]);
  }

  /** The label of everything that this state directory's cicd makes. Throws before its first use of Docker. */
  async instance(): Promise<string> {
    return (await Bun.file(join(this.directory, "state", "cicd", "instance")).text()).trim();
  }

  /** Names of all containers, volumes and networks that carry this sandbox's label. */
  async dockerObjects(): Promise<string[]> {
    const filter = `label=cicd.instance=${await this.instance()}`;
    const containers = await docker("ps", "-a", "--filter", filter, "--format", "container {{.Names}}");
    const volumes = await docker("volume", "ls", "--filter", filter, "--format", "volume {{.Name}}");
    const networks = await docker("network", "ls", "--filter", filter, "--format", "network {{.Name}}");
    return [containers, volumes, networks].flatMap((list) => list.split("\n")).filter((line) => line !== "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all([...this.#children].map((child) => child.exited));
    const instance = await this.instance().catch(() => undefined);
    if (instance !== undefined) await removeDockerObjects(instance);
    await rm(this.directory, { recursive: true, force: true });
  }

  #start(command: string[]): Subprocess<"ignore", "pipe", "pipe"> {
    const child = Bun.spawn(command, {
      cwd: this.repo,
      env: this.environment,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.#children.add(child);
    void child.exited.then(() => this.#children.delete(child));
    return child;
  }
}

export async function finish(child: Subprocess<"ignore", "pipe", "pipe">): Promise<Ended> {
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  await child.exited;
  return { status: child.exitCode, stdout, stderr };
}

/** The docker client's output. Throws when it fails. */
export async function docker(...args: string[]): Promise<string> {
  const child = Bun.spawn(["docker", ...args], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const { status, stdout, stderr } = await finish(child);
  if (status !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Removes everything that carries this instance's label. */
export async function removeDockerObjects(instance: string): Promise<void> {
  const filter = `label=cicd.instance=${instance}`;
  await removeListed(["container", "ls", "-a"], ["container", "rm", "-f", "-v"], filter);
  await removeListed(["volume", "ls"], ["volume", "rm"], filter);
  await removeListed(["network", "ls"], ["network", "rm"], filter);
}

async function removeListed(list: string[], remove: string[], filter: string): Promise<void> {
  const ids = (await docker(...list, "-q", "--filter", filter)).split("\n").filter((line) => line !== "");
  if (ids.length > 0) await docker(...remove, ...ids);
}
