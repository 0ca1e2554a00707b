import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A machine with a Docker engine of its own, made by `nodes.sh`. */
export interface Node {
  name: string;
  /** In the network of the machines. */
  address: string;
  /** Of its engine, as in DOCKER_HOST. */
  host: string;
  /** Runs the docker program against its engine; throws with what it said unless it exits with 0. */
  docker(...args: string[]): Promise<string>;
  /** The same with a file as its standard input. */
  load(archive: string): Promise<string>;
  /** Engine and containers are gone at once; its disk stays. */
  powerOff(): Promise<void>;
  /** Stops the engine in order, which stops its containers. */
  stopEngine(): Promise<void>;
  powerOn(): Promise<void>;
}

/** `directory`: seen by all machines at the same path. */
export interface Nodes extends AsyncDisposable {
  readonly directory: string;
  readonly list: Node[];
}

/** Machines that end with this process, however it ends. Their names are `node1`, `node2`, ... */
export async function startNodes(count: number): Promise<Nodes> {
  const directory = mkdtempSync(join(tmpdir(), "cicd-test-nodes-"));
  const script = Bun.spawn([`${import.meta.dir}/nodes.sh`, directory, String(count)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  const reader = script.stdout.getReader();
  const expect = async (word: string) => {
    const { value } = await reader.read();
    if (new TextDecoder().decode(value) !== `${word}\n`)
      throw new Error(await new Response(script.stderr).text());
  };
  await expect("ready");
  const say = async (line: string) => {
    script.stdin.write(`${line}\n`);
    await script.stdin.flush();
    await expect("done");
  };
  const list = Array.from({ length: count }, (_, index): Node => {
    const number = index + 1;
    const host = `unix://${directory}/${number}/docker.sock`;
    return {
      name: `node${number}`,
      address: `10.213.7.1${number}`,
      host,
      docker: (...args) => succeed(["docker", ...args], { env: { DOCKER_HOST: host } }),
      load: (archive) => succeed(["docker", "load", "-q"], { env: { DOCKER_HOST: host }, stdin: archive }),
      powerOff: () => say(`off ${number}`),
      stopEngine: () => say(`stop ${number}`),
      powerOn: () => say(`on ${number}`),
    };
  });
  return {
    directory,
    list,
    async [Symbol.asyncDispose]() {
      await script.stdin.end();
      await script.exited;
    },
  };
}

/** What a program printed; throws with what it said on stderr unless it exits with 0. */
export async function succeed(
  command: string[],
  options: { env?: Record<string, string>; stdin?: string; cwd?: string } = {},
): Promise<string> {
  const child = Bun.spawn(command, {
    env: { ...process.env, ...options.env },
    stdin: options.stdin === undefined ? "ignore" : Bun.file(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const [output, said] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: ${said}${output}`);
  return output;
}
