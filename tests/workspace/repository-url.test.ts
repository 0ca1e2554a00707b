import { expect, test } from "bun:test";
import { looksLikeUrl, parseRepositoryUrl } from "../../src/workspace/repository-url.ts";
import { codeOf } from "./fixture.ts";

test.each([
  ["https://host/group/web.git", "https", "https://host/group/web.git", "web"],
  ["https://me:token@host/web", "https", "https://host/web", "web"],
  ["ssh://git@host:2222/web.git", "ssh", "ssh://host:2222/web.git", "web"],
  ["git@host.example:group/web.git", "ssh", "git@host.example:group/web.git", "web"],
  ["host:web.git", "ssh", "host:web.git", "web"],
  ["file:///srv/git/web.git", "file", "file:///srv/git/web.git", "web"],
])("%s is accepted as %s", (url, protocol, key, name) => {
  expect(looksLikeUrl(url)).toBe(true);
  expect(parseRepositoryUrl(url)).toMatchObject({ protocol, key, name });
});

test.each([
  "ext::sh -c touch% /tmp/pwned",
  "ext::sh",
  "fd::17",
  "transport::address",
  "http://host/x",
  "git://host/x",
  "ftp://host/x",
  "ssh://-oProxyCommand=touch/x",
  "ssh://-user@host/x",
  "-oProxyCommand=x@host:path",
  "git@-oProxyCommand=x:path",
  "file://host/share",
  "https://host/a\nb",
])("%p is refused", async (url) => {
  const attempt = (async () => parseRepositoryUrl(url))();
  expect(await codeOf(attempt)).toBe("GIT_URL_REFUSED");
});

test.each([".", "/srv/repo", "repo", "./a:b", "../x", "/srv/a:b"])("%p is a path of this machine", (path) => {
  expect(looksLikeUrl(path)).toBe(false);
});

test("a refusal shows no credentials", () => {
  expect(() => parseRepositoryUrl("http://me:s3cret@host/x")).toThrow(/^((?!s3cret).)*$/);
});

test("credentials leave the URL that git is given", () => {
  expect(parseRepositoryUrl("https://me:t%40ken@host/x")).toMatchObject({
    url: "https://host/x",
    credentials: { user: "me", password: "t@ken" },
  });
});
