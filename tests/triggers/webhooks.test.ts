import { afterEach, describe, expect, test } from "bun:test";
import { createHmac, randomUUID } from "node:crypto";
import { hmac, type Place, pipeline } from "./fixture.ts";
import {
  GITHUB_PING,
  giteaPush,
  githubPullRequest,
  githubPush,
  gitlabMergeRequest,
  gitlabPush,
  NO_COMMIT,
} from "./payloads.ts";
import { fixtures } from "./places.ts";

const places = fixtures();
afterEach(() => places.end());

const WEB = { web: pipeline("web", "[push, tag, pull_request]") };
const head = (place: Place) => place.upstream.git("rev-parse", "HEAD");
const push = (place: Place, branch = "main", change: object = {}) =>
  githubPush({ ref: `refs/heads/${branch}`, after: head(place), ...change });

describe("a push told by GitHub", () => {
  test("makes runs of the pipelines that want it, of the registered repository and the pushed commit", async () => {
    const place = await places.make({ ...WEB, tags: pipeline("tags", "tag") });
    const answer = await place.github("push", push(place), {
      delivery: "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    });
    const [run] = await place.runs();
    expect(answer).toEqual({
      status: 202,
      body: {
        ...{ accepted: true, message: "1 run", runs: [{ id: run!.id, pipeline: "web", number: 1 }] },
        notes: ['tags does not run: "on" does not name pushes'],
      },
    });
    expect(run).toMatchObject({
      ...{ mode: "queue", trigger: "push", owner: null, executor: "shell", status: "pending" },
      delivery: "webhook:72d3162e-cc78-11e3-81ab-4c9367dc0958",
      source: { branch: "main", tag: null, commit: head(place), repo: { name: "octo/web" }, dirty: null },
    });
    expect(run!.source.repo.key).not.toContain("evil");
    expect(run!.plan.pullRequest).toBeUndefined();
  });

  test("is read at its own commit, however far the branch has gone since", async () => {
    const place = await places.make(WEB);
    const commit = head(place);
    place.upstream.pipelines({ web: pipeline("other", "push") });
    expect((await place.github("push", push(place, "main", { after: commit }))).body.runs).toHaveLength(1);
    expect((await place.runs()).map((run) => [run.pipeline, run.source.commit])).toEqual([["web", commit]]);
  });

  test("of a commit that was overwritten makes no run and says so", async () => {
    const place = await places.make(WEB);
    const { body } = await place.github("push", push(place, "main", { after: "1".repeat(40) }));
    expect(body).toMatchObject({ accepted: true, message: "no run", runs: [] });
    expect(body.notes[0]).toMatch(/^push to main: .*1111.*\[GIT_REF_NOT_FOUND\]$/);
  });

  test("makes a run where the paths that it changed fit", async () => {
    const place = await places.make({ web: pipeline("web", '{ push: { paths: ["src/**"] } }') });
    const before = head(place);
    const after = place.upstream.commit({ "docs/a": "1" });
    const docs = await place.github("push", push(place, "main", { before, after }));
    expect(docs.body.notes).toEqual(["web does not run: docs/a is outside of paths: src/**"]);
    const code = place.upstream.commit({ "src/a": "1" });
    const both = await place.github("push", push(place, "main", { before, after: code }));
    expect(both.body.runs).toHaveLength(1);
  });

  test("of a new branch changed what differs from where it left the default branch", async () => {
    const place = await places.make({ web: pipeline("web", '{ push: { paths: ["src/**"] } }') });
    place.upstream.git("checkout", "-q", "-b", "feature/x");
    place.upstream.commit({ "docs/b": "1" });
    const docs = await place.github("push", push(place, "feature/x"));
    expect(docs.body.notes).toEqual(["web does not run: docs/b is outside of paths: src/**"]);
    place.upstream.commit({ "src/b": "1" });
    expect((await place.github("push", push(place, "feature/x"))).body.runs).toHaveLength(1);
  });

  test("that asks for no run gets none, and neither does one that deletes", async () => {
    const place = await places.make(WEB);
    const skipped = await place.github("push", push(place, "main", { message: "Typo\n\n[skip ci]" }));
    expect(skipped).toEqual({
      status: 202,
      body: {
        ...{ accepted: false, message: "the message of its newest commit asks for no run" },
        ...{ runs: [], notes: [] },
      },
    });
    const deleted = await place.github(
      "push",
      push(place, "gone", { after: NO_COMMIT, before: head(place) }),
    );
    expect(deleted.body).toMatchObject({ accepted: false, message: "the branch gone was deleted" });
    expect(await place.runs()).toEqual([]);
  });

  test("of a tag makes a run of the tag", async () => {
    const place = await places.make(WEB);
    place.upstream.git("tag", "-a", "v1.0", "-m", "One");
    const object = place.upstream.git("rev-parse", "v1.0");
    const { body } = await place.github("push", githubPush({ ref: "refs/tags/v1.0", after: object }));
    expect(body.runs).toHaveLength(1);
    expect((await place.runs())[0]).toMatchObject({
      trigger: "tag",
      source: { branch: null, tag: "v1.0", commit: head(place) },
    });
  });

  test("that holds a file with errors runs the others and says what is wrong", async () => {
    const place = await places.make({ ...WEB, broken: "name: broken\njobs: 5\n" });
    const { body } = await place.github("push", push(place));
    expect(body.runs).toHaveLength(1);
    expect(body.notes).toEqual([
      ".cicd-pipelines/broken.yml is invalid, .cicd-pipelines/broken.yml:2:7: expected a mapping of jobs, found the number 5 [CONFIG_WRONG_TYPE]",
    ]);
    expect(place.log.map(({ text }) => text).join()).toContain("broken.yml is invalid");
  });

  test("of a repository without pipelines says so", async () => {
    const place = await places.make(WEB);
    place.upstream.commit({ ".cicd-pipelines/web.yml": null });
    const { body } = await place.github("push", push(place));
    expect(body.notes).toEqual(["there is no pipeline in .cicd-pipelines/"]);
  });
});

describe("a pull request", () => {
  test("of a fork is fetched from the registered repository, and marked", async () => {
    const place = await places.make(WEB);
    place.upstream.git("checkout", "-q", "--detach");
    const sha = place.upstream.commit({ x: "1" });
    place.upstream.git("update-ref", "refs/pull/7/head", sha);
    place.upstream.git("checkout", "-q", "main");
    const request = { action: "opened", number: 7, sha, source: "main", target: "main", isFork: true };
    expect((await place.github("pull_request", githubPullRequest(request))).body.runs).toHaveLength(1);
    const [run] = await place.runs();
    expect(run).toMatchObject({ trigger: "pull_request", source: { branch: null, commit: sha } });
    expect(run!.plan.pullRequest).toEqual({
      ...{ number: 7, title: "Update the README with $HOME", sourceBranch: "main", targetBranch: "main" },
      isFork: true,
    });
  });

  test("of the repository itself is known by its branch; only its commits make runs", async () => {
    const place = await places.make({ web: pipeline("web", "{ pull_request: { branches: main } }") });
    const sha = head(place);
    place.upstream.git("update-ref", "refs/pull/8/head", sha);
    const request = { number: 8, sha, source: "feature/x", target: "main" };
    for (const action of ["closed", "labeled", "edited"]) {
      const { body } = await place.github("pull_request", githubPullRequest({ ...request, action }));
      expect(body).toMatchObject({
        accepted: false,
        message: `a pull request that was ${action} makes no run`,
      });
    }
    for (const action of ["opened", "synchronize", "reopened"])
      expect(
        (await place.github("pull_request", githubPullRequest({ ...request, action }))).body.runs,
      ).toHaveLength(1);
    expect((await place.runs())[0]!.source.branch).toBe("feature/x");
    const other = githubPullRequest({ ...request, action: "opened", target: "dev" });
    expect((await place.github("pull_request", other)).body.notes).toEqual([
      "web does not run: the target branch dev is not among main",
    ]);
  });

  test("told by GitLab is a merge request", async () => {
    const place = await places.make(WEB);
    const sha = head(place);
    place.upstream.git("update-ref", "refs/merge-requests/3/head", sha);
    const request = { number: 3, sha, source: "ms-viewport", target: "main" };
    const send = (payload: unknown) =>
      place.send(JSON.stringify(payload), {
        "content-type": "application/json",
        "x-gitlab-event": "Merge Request Hook",
        "x-gitlab-token": place.repository.secret,
        "idempotency-key": randomUUID(),
      });
    expect((await send(gitlabMergeRequest({ ...request, action: "open" }))).body.runs).toHaveLength(1);
    expect((await send(gitlabMergeRequest({ ...request, action: "update" }))).body).toMatchObject({
      accepted: false,
      message: "an update without new commits makes no run",
    });
    const moved = gitlabMergeRequest({ ...request, action: "update", oldrev: "2".repeat(40), isFork: true });
    expect((await send(moved)).body.runs).toHaveLength(1);
    expect((await send(gitlabMergeRequest({ ...request, action: "merge" }))).body.accepted).toBe(false);
    const skipped = gitlabMergeRequest({ ...request, action: "open", message: "x [ci skip]" });
    expect((await send(skipped)).body.accepted).toBe(false);
    const runs = await place.runs();
    expect(runs.map(({ plan }) => plan.pullRequest!.isFork)).toEqual([false, true]);
  });
});

describe("the hosts", () => {
  test("GitLab: pushes and tags, proven by the token", async () => {
    const place = await places.make(WEB);
    const send = (event: string, payload: unknown, token = place.repository.secret) =>
      place.send(JSON.stringify(payload), {
        "content-type": "application/json",
        "x-gitlab-event": event,
        "x-gitlab-event-uuid": "13792a34-cac6-4fda-95a8-c58e00a3954e",
        "x-gitlab-token": token,
      });
    const branch = gitlabPush({ ref: "refs/heads/main", after: head(place) });
    expect((await send("Push Hook", branch, "wrong")).status).toBe(401);
    expect((await send("Push Hook", branch)).body.runs).toHaveLength(1);
    place.upstream.git("tag", "v1");
    expect(
      (await send("Tag Push Hook", gitlabPush({ ref: "refs/tags/v1", after: head(place) }))).body.runs,
    ).toHaveLength(1);
    expect((await send("Pipeline Hook", { object_kind: "pipeline" })).body.accepted).toBe(false);
    expect((await place.runs()).map(({ trigger }) => trigger)).toEqual(["push", "tag"]);
  });

  test("GitLab: signed as standardwebhooks.com says, and not long ago", async () => {
    const place = await places.make(WEB);
    const body = JSON.stringify(gitlabPush({ ref: "refs/heads/main", after: head(place) }));
    const key = Buffer.from(place.repository.secret.slice("whsec_".length), "base64");
    const send = (seconds: number, id: string, signedId = id) => {
      const signature = createHmac("sha256", key).update(`${signedId}.${seconds}.${body}`).digest("base64");
      return place.send(body, {
        "x-gitlab-event": "Push Hook",
        "webhook-id": id,
        "webhook-timestamp": String(seconds),
        "webhook-signature": `v1,AAAA v1,${signature}`,
      });
    };
    const now = Math.floor(Date.now() / 1000);
    expect((await send(now - 3600, "a")).status).toBe(401);
    expect((await send(now, "b", "a")).status).toBe(401);
    expect((await send(now, "a")).body).toMatchObject({ accepted: true, message: "1 run" });
    expect((await send(now, "a")).body).toMatchObject({
      accepted: false,
      message: "this delivery was taken before",
    });
  });

  test("Gitea and Forgejo: by their own headers, although they send GitHub's, too", async () => {
    const place = await places.make(WEB);
    for (const [prefix, delivery] of [
      ["x-gitea", "f6266f16-1bf3-46a5-9ea4-602e06ead473"],
      ["x-forgejo", "0d1a3f8e-0000-46a5-9ea4-602e06ead473"],
    ]) {
      const message = `By ${prefix}`;
      const body = JSON.stringify(giteaPush({ ref: "refs/heads/main", after: head(place), message }));
      const signature = hmac(place.repository.secret, body);
      const headers = {
        ...{ "content-type": "application/json", "x-gitea-event": "push", "x-github-event": "push" },
        ...{ "x-github-delivery": "d", "x-hub-signature-256": `sha256=${signature}` },
        ...{ [`${prefix}-event`]: "push", [`${prefix}-delivery`]: delivery! },
      };
      const wrong = await place.send(body, { ...headers, [`${prefix}-signature`]: hmac("other", body) });
      expect(wrong.status).toBe(401);
      const right = await place.send(body, { ...headers, [`${prefix}-signature`]: signature });
      expect(right.body.runs).toHaveLength(1);
      expect((await place.runs()).at(-1)!.delivery).toBe(`webhook:${delivery}`);
    }
  });

  test("a ping is answered, other events are, too", async () => {
    const place = await places.make(WEB);
    const ping = await place.github("ping", GITHUB_PING);
    expect(ping).toMatchObject({ status: 202, body: { accepted: false, message: "the webhook works" } });
    for (const event of ["star", "create", "__proto__", "constructor"])
      expect((await place.github(event, {})).body.message).toBe(`events of the kind "${event}" make no runs`);
  });

  test("a body that is sent as a form is read, too", async () => {
    const place = await places.make(WEB);
    const body = new URLSearchParams({ payload: JSON.stringify(push(place)) }).toString();
    const { body: answer } = await place.send(body, {
      "content-type": "application/x-www-form-urlencoded",
      "x-github-event": "push",
      "x-hub-signature-256": `sha256=${hmac(place.repository.secret, body)}`,
    });
    expect(answer.runs).toHaveLength(1);
  });
});

describe("a webhook that is not genuine", () => {
  test("is refused alike, whether the repository, the signature or all of it is wrong or missing", async () => {
    const place = await places.make(WEB);
    const body = JSON.stringify(push(place));
    const good = {
      "x-github-event": "push",
      "x-hub-signature-256": `sha256=${hmac(place.repository.secret, body)}`,
    };
    const refused = [
      await place.send(body, good, "0unknown0"),
      await place.send(body, { ...good, "x-hub-signature-256": `sha256=${hmac("wrong", body)}` }),
      await place.send(`${body} `, good),
      await place.send(body, { "x-github-event": "push" }),
      await place.send(body, { "x-github-event": "push", "x-hub-signature": `sha1=${"0".repeat(40)}` }),
      await place.send(body, { ...good, "x-hub-signature-256": hmac(place.repository.secret, body) }),
      await place.send(body, { "x-hub-signature-256": good["x-hub-signature-256"] }),
      await place.send(body, { "x-gitlab-event": "Push Hook" }),
      await place.send(body, { "x-gitlab-event": "Push Hook", "x-gitlab-token": "" }),
      await place.send(body, { "x-gitea-event": "push", "x-gitea-signature": "" }),
      await place.send("{", good),
    ];
    expect(new Set(refused.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(refused[0]).toMatchObject({ status: 401, body: { code: "UNAUTHORIZED" } });
    expect(await place.runs()).toEqual([]);
    expect(await (await place.app.registry()).listDeliveries(place.repository.id, 10)).toEqual([]);
  });

  test("is not read where it is too large", async () => {
    const place = await places.make(WEB);
    const payload = { ...push(place), padding: "x".repeat(5 * 1024 * 1024) };
    expect(await place.github("push", payload)).toMatchObject({ status: 413, body: { code: "TOO_LARGE" } });
  });

  test("or tells nonsense is refused: refs and commits that git would take for something else", async () => {
    const place = await places.make(WEB);
    const changes = [
      { ref: "refs/heads/--upload-pack=touch x" },
      { ref: "refs/heads/a..b" },
      { ref: ["refs/heads/main"] },
      { after: "HEAD" },
      { after: `--${"a".repeat(38)}` },
      { after: null },
    ];
    for (const change of changes) {
      const { status, body } = await place.github("push", { ...push(place), ...change });
      expect([change, status, body.code]).toEqual([change, 400, "USAGE"]);
    }
    expect((await place.github("push", "[".repeat(100))).status).toBe(400);
    const pullRequest = { action: "opened", number: 1, sha: head(place), source: "-x", target: "main" };
    expect((await place.github("pull_request", githubPullRequest(pullRequest))).status).toBe(400);
  });
});

describe("a delivery", () => {
  test("that comes again makes no second run, by its id or by its signed content", async () => {
    const place = await places.make(WEB);
    const first = await place.github("push", push(place), { delivery: "one" });
    const again = await place.github("push", push(place), { delivery: "one" });
    expect(again.body).toEqual({ ...first.body, accepted: false, message: "this delivery was taken before" });
    const renamed = await place.github("push", push(place), { delivery: "two" });
    expect(renamed.body.accepted).toBe(false);
    expect(await place.runs()).toHaveLength(1);
  });

  test("that comes many times at once makes one run", async () => {
    const place = await places.make(WEB);
    await Promise.all(Array.from({ length: 10 }, () => place.github("push", push(place), { delivery: "x" })));
    expect(await place.runs()).toHaveLength(1);
  });
});
