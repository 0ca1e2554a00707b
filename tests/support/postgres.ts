import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { eventually } from "./eventually.ts";

/** A server for tests, and the URL of its superuser. */
interface Server {
  url: string;
}

/** A server of its own for a test that takes it away. */
export interface OwnServer extends Server, AsyncDisposable {
  /** Breaks every connection at once, as a crash does; returns when it is gone. */
  crash(): Promise<void>;
  /** Ends every connection and shuts down in order ("fast"); returns when it is gone. */
  stop(): Promise<void>;
  /** Returns when it answers again. */
  restart(): Promise<void>;
}

const shared = globalThis as { cicdTestPostgres?: Promise<Server> };

/**
 * A new, empty schema on the server that CICD_TEST_DATABASE_URL names, or on a temporary one that this process starts
 * once and that ends with it. `url` puts the schema in front; `drop` removes it.
 */
export async function newSchema(): Promise<{ url: string; schema: string; drop(): Promise<void> }> {
  shared.cicdTestPostgres ??= startOrFind();
  const server = await shared.cicdTestPostgres;
  const schema = `cicd_test_${crypto.randomUUID().replaceAll("-", "")}`;
  await admin(server.url, `CREATE SCHEMA ${schema}`);
  const url = new URL(server.url);
  url.searchParams.set("search_path", schema);
  return { url: url.href, schema, drop: () => admin(server.url, `DROP SCHEMA ${schema} CASCADE`) };
}

/** In an order in which they can be emptied; the others are emptied with these. */
const TABLES = [
  "runs",
  "plans",
  "pipelines",
  "repositories",
  "tokens",
  "workers",
  "served_repositories",
  "secrets",
];

/** Deletes every row of cicd's tables, which is a lot quicker than a new schema. */
export async function emptySchema(url: string): Promise<void> {
  await admin(url, TABLES.map((table) => `DELETE FROM ${table}`).join("; "));
}

async function admin(url: string, statement: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}

async function startOrFind(): Promise<Server> {
  const given = process.env.CICD_TEST_DATABASE_URL;
  return given === undefined || given === "" ? startServer() : { url: given };
}

/**
 * The shell that runs the server takes the words `crash`, `stop` and `restart`, and waits for the end of its standard input,
 * which comes with the end of this process however it ends; then it stops the server and removes its files. Processes are
 * taken away here, power is not: the server need not wait for the disk.
 */
const RUN_SERVER = `
  serve() {
    "$1/postgres" -D "$2" -p "$3" -k "$2" -c listen_addresses=127.0.0.1 -c max_connections=200 -c fsync=off >>"$2/log" 2>&1 &
    server=$!
  }
  serve "$@"
  while read -r word; do
    case $word in
      crash) kill -QUIT "$server" && wait "$server" ;;
      stop) kill -INT "$server" && wait "$server" ;;
      restart) serve "$@" ;;
    esac
  done
  kill -INT "$server"
  wait "$server"
  rm -rf "$4"
`;

export async function startServer(): Promise<OwnServer> {
  const programs = findPrograms();
  const directory = mkdtempSync(join(tmpdir(), "cicd-test-postgres-"));
  const data = join(directory, "data");
  const password = crypto.randomUUID();
  const passwordFile = join(directory, "password");
  writeFileSync(passwordFile, password);
  const asUser = userInfo().uid === 0 ? ["runuser", "-u", "postgres", "--"] : [];
  if (asUser.length > 0) giveTo(directory, passwordFile);
  const initdb = [`${programs}/initdb`, "-D", data, "-U", "cicd", "--pwfile", passwordFile];
  const format = ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"];
  await succeed([...asUser, ...initdb, ...format, "--no-sync"]);
  const port = await freePort();
  const shell = Bun.spawn(
    [...asUser, "sh", "-c", RUN_SERVER, "sh", programs, data, String(port), directory],
    {
      stdin: "pipe",
      stdout: "ignore",
      stderr: "ignore",
      cwd: directory,
    },
  );
  shell.unref();
  const say = async (word: string) => {
    shell.stdin.write(`${word}\n`);
    await shell.stdin.flush();
  };
  const url = `postgres://cicd:${password}@127.0.0.1:${port}/postgres`;
  await reachable(url);
  const isGone = () => eventually(() => admin(url, "SELECT 1").then(() => false, refuses));
  return {
    url,
    async crash() {
      await say("crash");
      await isGone();
    },
    async stop() {
      await say("stop");
      await isGone();
    },
    async restart() {
      await say("restart");
      await reachable(url);
    },
    async [Symbol.asyncDispose]() {
      await shell.stdin.end();
      await shell.exited;
    },
  };
}

function refuses(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ECONNREFUSED";
}

function findPrograms(): string {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions
    .map((version) => join(root, version, "bin"))
    .find((dir) => existsSync(`${dir}/initdb`));
  if (found === undefined)
    throw new Error("no PostgreSQL server is installed, and CICD_TEST_DATABASE_URL is not set");
  return found;
}

function giveTo(directory: string, passwordFile: string): void {
  const [, , uid, gid] = Bun.spawnSync(["getent", "passwd", "postgres"]).stdout.toString().split(":");
  for (const path of [directory, passwordFile]) chownSync(path, Number(uid), Number(gid));
  chmodSync(directory, 0o700);
}

async function succeed(command: string[]): Promise<void> {
  const child = Bun.spawn(command, { stdout: "ignore", stderr: "pipe", cwd: tmpdir() });
  if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text());
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function reachable(url: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return await admin(url, "SELECT 1");
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await Bun.sleep(50);
    }
  }
}
