/**
 * Webhook bodies with the fields that their hosts document, cut down to those around what is read:
 * https://docs.github.com/webhooks/webhook-events-and-payloads, https://docs.gitlab.com/user/project/integrations/webhook_events/,
 * https://docs.gitea.com/usage/webhooks, https://forgejo.org/docs/latest/user/webhooks/
 */
export const NO_COMMIT = "0000000000000000000000000000000000000000";

const FOREIGN_URL = "https://evil.example.org/steal.git";

interface Push {
  ref: string;
  after: string;
  before?: string;
  message?: string;
}

export function githubPush({ ref, after, before = NO_COMMIT, message = "Change" }: Push) {
  const commit = {
    ...{ id: after, tree_id: "f9d2a07e9488b91af2641b26b9407fe22a451433", distinct: true, message },
    ...{ timestamp: "2026-11-23T10:00:00+01:00", url: `https://github.com/octo/web/commit/${after}` },
    author: { name: "Octo", email: "octo@example.org", username: "octo" },
    committer: { name: "Octo", email: "octo@example.org", username: "octo" },
    ...{ added: [], removed: [], modified: ["README.md"] },
  };
  const isDeleted = after === NO_COMMIT;
  return {
    ...{
      ref,
      before,
      after,
      created: before === NO_COMMIT,
      deleted: isDeleted,
      forced: false,
      base_ref: null,
    },
    compare: "https://github.com/octo/web/compare/6113728f27ae...000000000000",
    ...{ commits: isDeleted ? [] : [commit], head_commit: isDeleted ? null : commit },
    repository: {
      ...{ id: 186853002, name: "web", full_name: "octo/web", private: false, default_branch: "main" },
      ...{ clone_url: FOREIGN_URL, git_url: FOREIGN_URL, ssh_url: "git@evil.example.org:steal.git" },
      pushed_at: 1557933657,
    },
    pusher: { name: "octo", email: "octo@example.org" },
    sender: { login: "octo", id: 21031067, type: "User" },
  };
}

interface PullRequest {
  action: string;
  number: number;
  sha: string;
  source: string;
  target: string;
  isFork?: boolean;
}

export function githubPullRequest({ action, number, sha, source, target, isFork = false }: PullRequest) {
  const base = { id: 186853002, full_name: "octo/web", fork: false, clone_url: FOREIGN_URL };
  const fork = { id: 4711, full_name: "mallory/web", fork: true, clone_url: FOREIGN_URL };
  return {
    ...{ action, number },
    pull_request: {
      ...{ id: 279147437, number, state: "open", locked: false, draft: false, merged: false },
      title: "Update the README with $HOME",
      head: { label: `x:${source}`, ref: source, sha, repo: isFork ? fork : base },
      base: {
        label: `octo:${target}`,
        ref: target,
        sha: "f95f852bd8fca8fcc58a9a2d6c842781e32a215e",
        repo: base,
      },
    },
    repository: base,
    sender: { login: "octo", id: 21031067, type: "User" },
  };
}

export const GITHUB_PING = {
  ...{ zen: "Non-blocking is better than blocking.", hook_id: 109948940 },
  hook: { type: "Repository", id: 109948940, name: "web", active: true, events: ["push"] },
};

export function gitlabPush({ ref, after, before = NO_COMMIT, message = "Change" }: Push) {
  const isTag = ref.startsWith("refs/tags/");
  const commit = {
    ...{ id: after, message, title: message.split("\n")[0], timestamp: "2026-11-23T10:00:00+01:00" },
    url: `http://example.com/mike/diaspora/commit/${after}`,
    author: { name: "GitLab dev user", email: "gitlabdev@dv6700.(none)" },
  };
  return {
    ...{
      object_kind: isTag ? "tag_push" : "push",
      event_name: isTag ? "tag_push" : "push",
      before,
      after,
      ref,
    },
    ...{ ref_protected: true, checkout_sha: after === NO_COMMIT ? null : after, message: null },
    ...{ user_id: 4, user_name: "John Smith", user_username: "jsmith", project_id: 15 },
    project: { id: 15, name: "Diaspora", git_http_url: FOREIGN_URL, default_branch: "main" },
    ...{ commits: after === NO_COMMIT ? [] : [commit], total_commits_count: 1, push_options: {} },
  };
}

export function gitlabMergeRequest(request: PullRequest & { oldrev?: string; message?: string }) {
  const { action, number, sha, source, target, isFork = false, oldrev, message = "fixed readme" } = request;
  return {
    ...{ object_kind: "merge_request", event_type: "merge_request" },
    user: { id: 1, name: "Administrator", username: "root" },
    project: { id: 1, name: "Gitlab Test", git_http_url: FOREIGN_URL, default_branch: "main" },
    object_attributes: {
      ...{ id: 99, iid: number, target_branch: target, source_branch: source, title: "MS-Viewport" },
      ...{ source_project_id: isFork ? 14 : 1, target_project_id: 1, state: "opened", draft: false, action },
      ...(oldrev === undefined ? {} : { oldrev }),
      source: { name: "Awesome Project", git_http_url: FOREIGN_URL },
      last_commit: { id: sha, message, timestamp: "2026-11-23T10:00:00+00:00" },
    },
    labels: [],
  };
}

/** Gitea's and Forgejo's bodies say no more than GitHub's. */
export function giteaPush({ ref, after, before = NO_COMMIT, message = "Webhooks Yay!" }: Push) {
  const commit = {
    ...{ id: after, message, url: `http://localhost:3000/gitea/webhooks/commit/${after}` },
    author: { name: "Gitea", email: "someone@gitea.io", username: "gitea" },
    ...{ timestamp: "2026-03-13T13:52:11-04:00", added: [], removed: [], modified: [] },
  };
  return {
    ...{ ref, before, after, total_commits: 1 },
    compare_url: "http://localhost:3000/gitea/webhooks/compare/28e1879d029c...bffeb7422404",
    ...{ commits: [commit], head_commit: commit },
    repository: { id: 140, name: "webhooks", full_name: "gitea/webhooks", clone_url: FOREIGN_URL },
    pusher: { id: 1, login: "gitea", username: "gitea" },
    sender: { id: 1, login: "gitea", username: "gitea" },
  };
}
