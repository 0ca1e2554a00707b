/** The image's user and group. */
export const IMAGE_USER = 10001;

export interface Run {
  id: string;
  number: number;
  pipeline: string;
  status: string;
  stages: { jobs: { name: string; status: string; attempt: number }[] }[];
}

/** `worker`: its title. */
export interface Attempt {
  job: string;
  number: number;
  worker: string;
  outcome: string | null;
  reason: string | null;
  /** Since its start; null before that. */
  runningMs: number | null;
}

/** With an origin, so that it is the same repository in whichever container it lies. */
const MAKE_REPOSITORY = `
  rm -rf /tmp/repo
  mkdir -p /tmp/repo/.cicd-pipelines
  cd /tmp/repo
  echo snapshot > README
  git init -q -b main
  git remote add origin https://git.example.org/team/repo.git
`;

type Docker = (...args: string[]) => Promise<string>;

/** A deployed team server. It is asked from inside of its container, as it listens to nobody outside of its host. */
export class Team {
  readonly #docker: Docker;
  readonly #containers: { server: string; database: string };
  readonly #token: string;

  private constructor(docker: Docker, containers: { server: string; database: string }, token: string) {
    this.#docker = docker;
    this.#containers = containers;
    this.#token = token;
  }

  /** Makes itself a token. `containers`: names or ids; `docker` reaches their engine. */
  static async open(docker: Docker, containers: { server: string; database: string }): Promise<Team> {
    const create = [
      "cicd",
      "token",
      "create",
      "--name",
      `test-${crypto.randomUUID()}`,
      "--role",
      "run",
      "--json",
    ];
    const said = await docker("exec", containers.server, ...create);
    await docker("exec", containers.server, "sh", "-euc", MAKE_REPOSITORY);
    return new Team(docker, containers, (JSON.parse(said) as { token: string }).token);
  }

  /** Sends a repository with this pipeline and a file README, `snapshot`; returns what was queued. */
  async startRun(pipeline: { name: string; file: string }): Promise<Run> {
    const write = 'printf %s "$1" > /tmp/repo/.cicd-pipelines/team.yml';
    await this.#docker("exec", this.#containers.server, "sh", "-euc", write, "sh", pipeline.file);
    await this.cicd("run", "-r", "/tmp/repo", "--detach");
    const { runs } = JSON.parse(await this.cicd("list", "-a", "-n", "1", "--json")) as { runs: Run[] };
    return runs[0]!;
  }

  async readRun({ pipeline, number }: Run): Promise<Run> {
    const flags = ["-r", "/tmp/repo", "-p", pipeline, "--run", String(number), "--json"];
    return (JSON.parse(await this.cicd("report", ...flags)) as { run: Run }).run;
  }

  logs({ pipeline, number }: Run, job: string): Promise<string> {
    return this.cicd("logs", "-r", "/tmp/repo", "-p", pipeline, "--run", String(number), "--job", job);
  }

  /** Those of one run, in the order of their claims. */
  async attempts({ id }: Run): Promise<Attempt[]> {
    const rows = await this.query(
      `SELECT coalesce(json_agg(json_build_object('job', j.name, 'number', a.number, 'outcome', a.outcome,
         'worker', split_part(a.worker, '@', 1), 'reason', a.failure_reason,
         'runningMs', extract(epoch FROM now()) * 1000 - a.started_at) ORDER BY a.id), '[]')
       FROM attempts a JOIN jobs j ON j.id = a.job_id WHERE a.run_id = '${id}'`,
    );
    return JSON.parse(rows) as Attempt[];
  }

  /** Their titles. */
  async activeWorkers(): Promise<string[]> {
    const rows = await this.query("SELECT title FROM workers WHERE state = 'active' ORDER BY title");
    return rows === "" ? [] : rows.split("\n");
  }

  async query(sql: string): Promise<string> {
    const { database } = this.#containers;
    return (await this.#docker("exec", database, "psql", "-U", "cicd", "-Atc", sql)).trim();
  }

  /** The command line against the server. */
  cicd(...args: string[]): Promise<string> {
    const environment = ["-e", "CICD_SERVER=http://127.0.0.1:7878", "-e", `CICD_TOKEN=${this.#token}`];
    return this.#docker("exec", ...environment, this.#containers.server, "cicd", ...args);
  }
}
