import { describe, expect, test } from "bun:test";
import type { ConfigFlags, Environment } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { CicdError } from "../../src/errors/cicd-error.ts";

const SETTINGS_FILE = "/home/ann/.config/cicd/config.yml";

function environment(change: Partial<Environment> & { files?: Record<string, string> } = {}): Environment {
  const { files = {}, ...rest } = change;
  return {
    variables: {},
    homeDir: "/home/ann",
    userName: "ann",
    hostName: "box",
    cpus: 3,
    isTty: { stdout: true, stderr: true },
    readFile: (path) => files[path],
    ...rest,
  };
}

function load(change: Parameters<typeof environment>[0] = {}, flags: ConfigFlags = {}) {
  return loadConfig(environment(change), flags, (text) => Bun.YAML.parse(text));
}

function errorOf(call: () => unknown): CicdError {
  try {
    call();
  } catch (error) {
    if (error instanceof CicdError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("without any setting", () => {
  test("everything has a default", () => {
    expect(load()).toEqual({
      stateDir: "/home/ann/.local/state/cicd",
      database: { kind: "sqlite", path: "/home/ann/.local/state/cicd/cicd.db" },
      executor: undefined,
      defaultImage: undefined,
      maxParallelJobs: 6,
      graceMs: 10_000,
      logLimitBytes: 100 * 1024 * 1024,
      docker: {
        host: "unix:///var/run/docker.sock",
        certPath: undefined,
        sshAgent: undefined,
        configDir: "/home/ann/.docker",
      },
      memoryLimitBytes: undefined,
      cpuLimit: undefined,
      color: { stdout: true, stderr: true },
      canRepaint: true,
      server: undefined,
      team: {
        listen: { host: "127.0.0.1", port: 7878 },
        publicUrl: undefined,
        allowedHosts: [],
        allowedRepositories: [],
        shared: undefined,
        workerName: "box",
        workerLabels: [],
      },
      actor: "ann@box",
      hostName: "box",
      warnings: [],
    });
  });

  test("a small machine still runs four jobs at once", () => {
    expect(load({ cpus: 1 }).maxParallelJobs).toBe(4);
  });
});

describe("precedence", () => {
  const files = { [SETTINGS_FILE]: "jobs: 5\nexecutor: shell\nlog_limit: 1MB\n" };

  test("the file stands before the defaults", () => {
    const config = load({ files });
    expect([config.maxParallelJobs, config.executor, config.logLimitBytes]).toEqual([
      5,
      "shell",
      1024 * 1024,
    ]);
  });

  test("the environment stands before the file", () => {
    const variables = { CICD_JOBS: "7", CICD_EXECUTOR: "docker" };
    const config = load({ files, variables });
    expect([config.maxParallelJobs, config.executor]).toEqual([7, "docker"]);
  });

  test("flags stand before everything", () => {
    const variables = { CICD_JOBS: "7", CICD_EXECUTOR: "shell" };
    const config = load({ files, variables }, { jobs: "9", executor: "docker" });
    expect([config.maxParallelJobs, config.executor]).toEqual([9, "docker"]);
  });

  test("an empty variable counts as none", () => {
    expect(load({ files, variables: { CICD_JOBS: "" } }).maxParallelJobs).toBe(5);
  });

  test("base directories follow XDG, relative ones are ignored", () => {
    expect(load({ variables: { XDG_STATE_HOME: "/var/state" } }).stateDir).toBe("/var/state/cicd");
    expect(load({ variables: { XDG_STATE_HOME: "state" } }).stateDir).toBe("/home/ann/.local/state/cicd");
    expect(load({ variables: { CICD_STATE_DIR: "/x", XDG_STATE_HOME: "/var/state" } }).stateDir).toBe("/x");
  });
});

describe("the database", () => {
  test.each([
    ["sqlite:/data/ci.db", { kind: "sqlite", path: "/data/ci.db" }],
    ["sqlite:///data/ci.db", { kind: "sqlite", path: "/data/ci.db" }],
    ["sqlite:ci.db", { kind: "sqlite", path: `${process.cwd()}/ci.db` }],
    ["postgres://u:p@db:5432/ci", { kind: "postgres", url: "postgres://u:p@db:5432/ci" }],
    ["postgresql://db/ci", { kind: "postgres", url: "postgresql://db/ci" }],
  ] as const)("%s", (text, expected) => {
    expect(load({}, { database: text }).database).toEqual(expected);
  });

  test.each(["mysql://u:secret@db/ci", "secret", "sqlite:", "sqlite://secret/ci.db", "postgres://[secret"])(
    "%s is refused without repeating it, for it may hold a password",
    (text) => {
      const error = errorOf(() => load({ variables: { CICD_DATABASE_URL: text } }));
      expect(error.code).toBe("SETTINGS_INVALID");
      expect(`${error.message} ${error.hint}`).not.toContain("secret");
      expect(error.message).toContain("CICD_DATABASE_URL");
    },
  );
});

describe("the database's password", () => {
  const variables = {
    CICD_DATABASE_URL: "postgres://cicd@db:5432/cicd",
    CICD_DATABASE_PASSWORD_FILE: "/run/secrets/database_password",
  };

  test("comes from the first line of a file, whatever characters it has", () => {
    const files = { "/run/secrets/database_password": "a/b:c@d%25 e\n" };
    const { database } = load({ variables, files });
    expect(database).toEqual({
      kind: "postgres",
      url: "postgres://cicd:a%2Fb%3Ac%40d%2525%20e@db:5432/cicd",
    });
  });

  test("is asked for where the file is missing or empty", () => {
    for (const files of [{}, { "/run/secrets/database_password": "\n" }]) {
      const error = errorOf(() => load({ variables, files }));
      expect(error.code).toBe("SETTINGS_INVALID");
      expect(error.message).toContain("CICD_DATABASE_PASSWORD_FILE");
    }
  });

  test("is none of a SQLite file's business", () => {
    expect(load({ variables: { ...variables, CICD_DATABASE_URL: "sqlite:/a.db" } }).database.kind).toBe(
      "sqlite",
    );
  });
});

describe("values that make no sense", () => {
  test.each([
    [{ CICD_JOBS: "0" }, "CICD_JOBS"],
    [{ CICD_JOBS: "many" }, "CICD_JOBS"],
    [{ CICD_JOBS: "1001" }, "CICD_JOBS"],
    [{ CICD_EXECUTOR: "podman" }, "docker or shell"],
    [{ CICD_GRACE: "soon" }, "CICD_GRACE"],
    [{ CICD_GRACE: "2h" }, "CICD_GRACE"],
    [{ CICD_LOG_LIMIT: "0" }, "CICD_LOG_LIMIT"],
    [{ CICD_MEMORY: "1 elephant" }, "CICD_MEMORY"],
    [{ CICD_DEFAULT_IMAGE: "a b" }, "CICD_DEFAULT_IMAGE"],
    [{ CICD_CPUS: "-1" }, "CICD_CPUS"],
  ])("%o names its origin", (variables, part) => {
    const error = errorOf(() => load({ variables: variables as Record<string, string> }));
    expect(error.code).toBe("SETTINGS_INVALID");
    expect(error.message).toContain(part);
  });

  test("sizes count in 1024, as Docker's do", () => {
    const memory = (text: string) => load({ variables: { CICD_MEMORY: text } }).memoryLimitBytes;
    expect([memory("2g"), memory("512MiB"), memory("100MB"), memory("1.5k"), memory("4096")]).toEqual([
      2 * 1024 ** 3,
      512 * 1024 ** 2,
      100 * 1024 ** 2,
      1536,
      4096,
    ]);
  });
});

describe("the settings file", () => {
  test("an unknown key is refused with a did-you-mean", () => {
    const error = errorOf(() => load({ files: { [SETTINGS_FILE]: "job: 3\n" } }));
    expect(error.code).toBe("SETTINGS_INVALID");
    expect(error.hint).toBe('did you mean "jobs"?');
  });

  test.each([
    ["- a\n", "is not a mapping"],
    ["jobs: [1]\n", "no single value"],
    ["a: b: c\n", "is not valid YAML"],
    ["__proto__: 1\n", "unknown key"],
    ["x".repeat(70_000), "larger than 64 KiB"],
  ])("refuses %j", (text, part) => {
    const error = errorOf(() => load({ files: { [SETTINGS_FILE]: text } }));
    expect(error.code).toBe("SETTINGS_INVALID");
    expect(error.message).toContain(part);
  });

  test("may be empty", () => {
    expect(load({ files: { [SETTINGS_FILE]: "# nothing yet\n" } }).executor).toBeUndefined();
  });
});

describe("a configured server", () => {
  const variables = { CICD_SERVER: "https://ci.example.org" };
  const files = { [SETTINGS_FILE]: "server: https://ci.example.org\n" };

  test("is passed over with --local", () => {
    expect(load({ variables, files }, { local: true })).toEqual(load());
  });

  test("contradicts --local when it is a flag", () => {
    expect(errorOf(() => load({}, { local: true, server: "https://ci" })).code).toBe("USAGE");
  });
});

describe("colour", () => {
  const color = (variables: Record<string, string>, flags: ConfigFlags = {}, tty = true) =>
    load({ variables, isTty: { stdout: tty, stderr: tty } }, flags).color.stdout;

  test("follows the terminal", () => {
    expect([color({}), color({}, {}, false), color({ TERM: "dumb" })]).toEqual([true, false, false]);
  });

  test("NO_COLOR and --no-color win over what forces it", () => {
    expect(color({ NO_COLOR: "1", FORCE_COLOR: "1" })).toBe(false);
    expect(color({ CLICOLOR_FORCE: "1" }, { noColor: true })).toBe(false);
  });

  test("can be forced where there is no terminal", () => {
    expect(color({ FORCE_COLOR: "1" }, {}, false)).toBe(true);
    expect(color({ FORCE_COLOR: "0" }, {}, false)).toBe(false);
  });

  test("a dumb terminal is not repainted", () => {
    expect(load({ variables: { TERM: "dumb" } }).canRepaint).toBe(false);
  });
});

describe("the Docker engine", () => {
  const meta = `/home/ann/.docker/contexts/meta/${new Bun.CryptoHasher("sha256").update("far").digest("hex")}/meta.json`;
  const files = {
    "/home/ann/.docker/config.json": '{"currentContext":"far"}',
    [meta]: '{"Name":"far","Endpoints":{"docker":{"Host":"ssh://ci@far"}}}',
  };

  test("is the current context's", () => {
    expect(load({ files }).docker.host).toBe("ssh://ci@far");
  });

  test("is DOCKER_HOST's before that", () => {
    expect(load({ files, variables: { DOCKER_HOST: "tcp://near:2375" } }).docker.host).toBe(
      "tcp://near:2375",
    );
  });

  test("is the local socket where the context says nothing", () => {
    expect(load({ files, variables: { DOCKER_CONTEXT: "default" } }).docker.host).toBe(
      "unix:///var/run/docker.sock",
    );
    const broken = { "/home/ann/.docker/config.json": "{" };
    expect(load({ files: broken }).docker.host).toBe("unix:///var/run/docker.sock");
  });

  test("is described where DOCKER_CONFIG says, which when empty says nothing", () => {
    expect(load({ variables: { DOCKER_CONFIG: "/etc/ci" } }).docker.configDir).toBe("/etc/ci");
    expect(load({ variables: { DOCKER_CONFIG: "" } }).docker.configDir).toBe("/home/ann/.docker");
  });
});
