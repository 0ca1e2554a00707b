import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { GitHost } from "../support/git-host.ts";
import { type Ended, Sandbox } from "../support/sandbox.ts";
import { ServerProcess } from "../support/server.ts";
import { hmac } from "./fixture.ts";
import { githubPush } from "./payloads.ts";

setDefaultTimeout(60_000);

const WEB = `
name: web
on: { push: { branches: main }, schedule: [{ cron: "30 5 * * 1-5", timezone: Europe/Berlin }] }
jobs:
  tell: { stage: build, script: 'echo "$CI_PIPELINE_SOURCE of $CI_COMMIT_BRANCH by ${"${CI_COMMIT_TAG:-no tag}"}"' }
`;

const directory = mkdtempSync(join(tmpdir(), "cicd-triggers-"));
const databasePath = join(directory, "cicd.db");
let upstream: Sandbox;
let host: GitHost;
let server: ServerProcess;
let client: Sandbox;
beforeAll(async () => {
  upstream = await Sandbox.open({ ".cicd-pipelines/web.yml": WEB });
  host = new GitHost(upstream.directory);
  const environment = { CICD_ALLOWED_REPOSITORIES: "127.0.0.1" };
  server = await ServerProcess.open({ environment, database: `sqlite:${databasePath}` });
  client = await Sandbox.open({ "README.md": "" }, { ...server.client, TZ: "UTC" });
});
afterAll(async () => {
  for (const part of [client, server, host, upstream]) await part?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

const json = (ended: Ended) => JSON.parse(ended.stdout);

interface Added {
  repository: { id: string; key: string; webhookUrl: string };
  webhookSecret: string;
}

async function push(
  { repository, webhookSecret }: Added,
  delivery: string,
  message: string,
): Promise<Response> {
  const after = (await upstream.git("rev-parse", "HEAD")).trim();
  const body = JSON.stringify(githubPush({ ref: "refs/heads/main", after, message }));
  return fetch(repository.webhookUrl, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      "x-github-event": "push",
      "x-github-delivery": delivery,
      "x-hub-signature-256": `sha256=${hmac(webhookSecret, body)}`,
    },
  });
}

let added: Added;

test("a repository is registered by the command line; the secret is shown once", async () => {
  const url = `${host.url}/repo`;
  const refused = await client.cicd("repo", "add", "http://10.1.2.3/x.git");
  expect(refused.status).toBe(2);
  expect(refused.stderr).toContain("[GIT_URL_REFUSED]");
  const ended = await client.cicd("repo", "add", url, "--name", "shop/web", "--json");
  added = json(ended);
  expect(added.repository).toMatchObject({ name: "shop/web", url, defaultBranch: "main" });
  expect(added.repository.webhookUrl).toBe(`${server.url}/api/v1/webhooks/${added.repository.id}`);
  const again = await client.cicd("repo", "add", url);
  expect([again.status, again.stderr]).toEqual([2, expect.stringContaining("is there already")]);
  const listed = await client.cicd("repo", "list");
  expect(listed.stdout).toMatch(/^NAME +BRANCH +URL +WEBHOOK +ID\nshop\/web +main +http/);
  expect(listed.stdout).not.toContain(added.webhookSecret);
  expect(json(await client.cicd("repo", "schedules", "--json")).schedules).toEqual([
    expect.objectContaining({
      pipeline: "web",
      cron: "30 5 * * 1-5",
      timezone: "Europe/Berlin",
      branch: null,
    }),
  ]);
});

test("a webhook makes a run that the server's worker runs to its end", async () => {
  const response = await push(added, "first", "One");
  expect(response.status).toBe(202);
  const { runs } = (await response.json()) as { runs: { pipeline: string; number: number }[] };
  expect(runs).toMatchObject([{ pipeline: "web", number: 1 }]);
  const api = (path: string) =>
    fetch(`${server.url}/api/v1${path}`, { headers: { authorization: `Bearer ${server.token}` } });
  const query = new URLSearchParams({ repo: added.repository.key, pipeline: "web", number: "1" });
  const run = await eventually(
    async () => {
      const found = (await (await api(`/find?${query}`)).json()) as {
        id: string;
        status: string;
        trigger: string;
      };
      return found.status === "success" ? found : undefined;
    },
    { withinMs: 30_000, everyMs: 100 },
  );
  expect(run.trigger).toBe("push");
  expect(await (await api(`/runs/${run.id}/jobs/tell/log`)).text()).toContain("push of main by no tag\n");
});

test("what was told to a server that is killed before it acts is acted upon by the next, once", async () => {
  host.pause();
  const asked = host.asked;
  const answer = push(added, "killed", "Two").catch(() => undefined);
  // The server asks the repository's host only once it has recorded what it was told.
  await eventually(() => host.asked > asked, { withinMs: 15_000 });
  await server.end("SIGKILL");
  await answer;
  host.resume();
  endLeases();
  await server.start();
  const query = new URLSearchParams({ repo: added.repository.key });
  const numbers = async () => {
    const headers = { authorization: `Bearer ${server.token}` };
    const response = await fetch(`${server.url}/api/v1/runs?${query}`, { headers });
    const { runs } = (await response.json()) as { runs: { number: number }[] };
    return runs.map(({ number }) => number);
  };
  const repeated = await push(added, "killed", "Two");
  expect(await repeated.json()).toMatchObject({ accepted: false, message: "this delivery was taken before" });
  await eventually(async () => (await numbers()).length === 2, { withinMs: 45_000, everyMs: 200 });
  expect(await numbers()).toEqual([2, 1]);
});

/** As if the dead server's ten seconds were over. */
function endLeases(): void {
  const database = new Database(databasePath);
  expect(database.run("UPDATE deliveries SET due_at = 0 WHERE result IS NULL").changes).toBe(1);
  database.close();
}

test("a repository that is removed takes no more webhooks; its runs stay", async () => {
  expect((await client.cicd("repo", "rm", "shop/web")).status).toBe(0);
  expect((await push(added, "late", "Three")).status).toBe(401);
  expect((await client.cicd("repo", "rm", "shop/web")).status).toBe(2);
  expect(json(await client.cicd("repo", "list", "--json"))).toEqual({ repositories: [] });
});
