/** What cicd was told by flags, environment and its file, in that order of precedence; with the defaults. */
export interface Config {
  /** Absolute; made with mode 0700 when first used. */
  stateDir: string;
  database: DatabaseConfig;
  /** Undefined: nobody has chosen; docker, and the terminal's user may be asked. */
  executor: "docker" | "shell" | undefined;
  /** What jobs without an image run in. */
  defaultImage: string | undefined;
  /** How many jobs may run at the same time. */
  maxParallelJobs: number;
  /** Between SIGTERM and SIGKILL. */
  graceMs: number;
  /** Per job. */
  logLimitBytes: number;
  docker: DockerConfig;
  /** Per job; undefined: no limit. */
  memoryLimitBytes: number | undefined;
  cpuLimit: number | undefined;
  color: { stdout: boolean; stderr: boolean };
  /** stderr is a terminal that understands cursor movement. */
  canRepaint: boolean;
  /** Undefined: everything happens here. */
  server: ServerAddress | undefined;
  /** What `cicd serve` and `cicd worker` go by. */
  team: TeamConfig;
  /** Who asks, as recorded with a cancel: `user@host`. */
  actor: string;
  hostName: string;
  /** For people, one sentence each: settings that work and should not be so. */
  warnings: string[];
}

/** A server to talk to. `url`: http or https, without credentials, without a slash at its end. */
export interface ServerAddress {
  url: string;
  token: string | undefined;
  /** `HOST:PORT` of the proxy on the way there. */
  proxy: string | undefined;
}

export interface TeamConfig {
  listen: { host: string; port: number };
  /** How people and webhooks reach the server; undefined: as it listens. */
  publicUrl: string | undefined;
  /** Further names that requests may have in their Host header, besides those of `listen`, `publicUrl` and loopback. */
  allowedHosts: string[];
  /** `HOST` or `HOST/PATH`: repositories at private addresses that the server may clone all the same. */
  allowedRepositories: string[];
  /** `fs:/absolute/directory` or `s3://BUCKET[/PREFIX]`: how snapshots and artifacts reach other hosts. */
  shared: string | undefined;
  /** How the worker is named for people, and again after a restart. */
  workerName: string;
  workerLabels: string[];
}

/**
 * `host` as in DOCKER_HOST; `certPath`: the directory of ca.pem, cert.pem and key.pem; `sshAgent`: its socket; `configDir`:
 * the directory of the docker program's config.json.
 */
export interface DockerConfig {
  host: string;
  certPath: string | undefined;
  sshAgent: string | undefined;
  configDir: string;
}

export type DatabaseConfig = { kind: "sqlite"; path: string } | { kind: "postgres"; url: string };

/** The settings that a command line can carry. */
export interface ConfigFlags {
  database?: string;
  server?: string;
  executor?: string;
  jobs?: string;
  listen?: string;
  shared?: string;
  name?: string;
  labels?: string;
  /** Everything happens here: a configured server is passed over. Excludes `server`. */
  local?: boolean;
  noColor?: boolean;
}

/** What the process knows besides flags: composed once, in `main`. */
export interface Environment {
  variables: Record<string, string | undefined>;
  homeDir: string;
  userName: string;
  hostName: string;
  cpus: number;
  isTty: { stdout: boolean; stderr: boolean };
  /** The text of a file; undefined where there is none. */
  readFile: (path: string) => string | undefined;
  /** Whether others than its owner may read a file. */
  isReadByOthers?: (path: string) => boolean;
}
