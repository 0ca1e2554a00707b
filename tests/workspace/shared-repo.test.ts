import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { type Fixture, git, makeFixture, makeRepository, never } from "./fixture.ts";

/** Git starts many processes; other tests may keep the machine busy meanwhile. */
setDefaultTimeout(30_000);

let fixture: Fixture;
beforeEach(async () => {
  fixture = await makeFixture();
});
afterEach(() => fixture[Symbol.dispose]());

test("a repository is the same by every protocol", async () => {
  for (const url of [
    "https://Host.Example/team/web",
    "https://user:secret@host.example:443/team/web.git",
    "https://host.example/team//web/",
    "http://host.example/team/web.git",
    "ssh://git@host.example/team/web.git",
    "ssh://git@host.example:2222/team/web.git/",
    "git@host.example:team/web.git",
    "host.example:/team/web",
  ])
    expect(await fixture.sources.sharedRepo(url, never)).toEqual({
      key: "https://host.example/team/web",
      name: "web",
    });
  const other = await fixture.sources.sharedRepo("https://host.example:8443/web", never);
  expect(other).toEqual({ key: "https://host.example:8443/web", name: "web" });
  const local = await fixture.sources.sharedRepo("file:///srv/web.git", never);
  expect(local).toEqual({ key: "box/srv/web", name: "web" });
});

test("a local repository is known by its origin where that is a URL, else by its host and path", async () => {
  const repo = await makeRepository(join(fixture.root, "web"), { "src/a": "1" });
  const ofHost = { key: `box${repo}`, name: "web" };
  expect(await fixture.sources.sharedRepo(join(repo, "src"), never)).toEqual(ofHost);
  git(repo, "remote", "add", "origin", "/srv/elsewhere.git");
  expect(await fixture.sources.sharedRepo(repo, never)).toEqual(ofHost);
  git(repo, "remote", "set-url", "origin", "ext::sh -c id");
  expect(await fixture.sources.sharedRepo(repo, never)).toEqual(ofHost);
  git(repo, "remote", "set-url", "origin", "git@host.example:team/app.git");
  const shared = { key: "https://host.example/team/app", name: "app" };
  expect(await fixture.sources.sharedRepo(repo, never)).toEqual(shared);
});
