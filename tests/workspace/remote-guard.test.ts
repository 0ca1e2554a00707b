import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createGit } from "../../src/workspace/git.ts";
import { isPublicAddress } from "../../src/workspace/private-address.ts";
import { openRemote } from "../../src/workspace/remote-access.ts";
import { createSourceOpener } from "../../src/workspace/source.ts";
import { runGitHttpBackend } from "../support/git-http-backend.ts";
import { codeOf, type Fixture, git, makeFixture, makeRepository, never } from "./fixture.ts";

/** Git starts many processes; other tests may keep the machine busy meanwhile. */
setDefaultTimeout(30_000);

let fixture: Fixture;
beforeEach(async () => {
  fixture = await makeFixture();
});
afterEach(() => fixture[Symbol.dispose]());

/** A resolver for names that this machine does not know. */
const NAMES: Record<string, string[]> = {
  "public.example": ["203.0.113.9"],
  "both.example": ["203.0.113.9", "2600::1"],
  "inside.example": ["203.0.113.9", "10.1.2.3"],
};
const resolve = async (host: string) => NAMES[host] ?? [];

test("only addresses that are reachable from everywhere count as public", () => {
  const isPrivate = [
    "0.0.0.0 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.255 169.254.169.254 172.16.0.1",
    "172.31.255.255 192.168.1.1 198.18.0.1 224.0.0.1 255.255.255.255 :: ::1 fe80::1 fe80::1%eth0 fec0::1 fc00::1",
    "fd12:3456::1 ff02::1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:8.8.8.8 ::127.0.0.1 64:ff9b::7f00:1",
    "64:ff9b:1::1 2002:7f00:1:: 2001::1 100::1 localhost 0x7f000001 2130706433",
  ].join(" ");
  for (const address of isPrivate.split(" "))
    expect(`${address} ${isPublicAddress(address)}`).toBe(`${address} false`);
  for (const address of ["8.8.8.8", "100.128.0.1", "172.32.0.1", "2600::1", "2a00:1450::1"])
    expect(`${address} ${isPublicAddress(address)}`).toBe(`${address} true`);
});

test("a server refuses URLs that lead to itself or its network, however they are written", async () => {
  const urls = [
    "https://127.0.0.1/x",
    "https://2130706433/x",
    "https://0x7f.1/x",
    "https://0177.0.0.1/x",
    "https://127.1/x",
    "https://localhost/x",
    "https://localhost./x",
    "https://user:pw@localhost/x",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://169.254.169.254/latest/meta-data",
    "https://0.0.0.0/x",
    "ssh://127.0.0.1/x",
    "ssh://git@2130706433/x",
    "ssh://git@0x7f000001:22/x",
    "git@127.1:x",
    "git@localhost:x",
    "git@[::1]:x",
    "http://8.8.8.8/x",
    "file:///etc",
    "ext::sh -c id",
  ];
  for (const url of urls) {
    const refused = openRemote(url, { allowed: [] });
    expect(`${url} ${await codeOf(refused)}`).toBe(`${url} GIT_URL_REFUSED`);
  }
  await expect(openRemote("https://10.0.0.1/x", { allowed: [] })).rejects.toMatchObject({
    hint: expect.stringContaining("CICD_ALLOWED_REPOSITORIES"),
  });
  const inside = openRemote("https://inside.example/x", { allowed: [], resolve });
  await expect(inside).rejects.toThrow("10.1.2.3");
  expect(await codeOf(openRemote("https://unknown.example/x", { allowed: [], resolve }))).toBe("GIT_FAILED");
});

test("what the operator allows is allowed, by whole names of the cleaned path", async () => {
  const guard = { allowed: ["127.0.0.1/team/web", "git.local"] };
  for (const url of [
    "https://127.0.0.1/team/web",
    "http://127.0.0.1:8080/team/web.git",
    "https://127.0.0.1//team/./web/",
    "ssh://git@127.0.0.1/team/web/part",
    "git@127.0.0.1:team/web.git",
    "http://GIT.local/anything",
  ])
    expect((await openRemote(url, guard)).call.settings).toContainEqual(["http.followRedirects", "false"]);
  for (const url of [
    "https://127.0.0.1/team/website",
    "https://127.0.0.1/team",
    "https://127.0.0.1/team/web/../secret",
    "https://127.0.0.1/team/web/%2e%2e/secret",
    "https://127.0.0.1/team/web%2f..%2fsecret",
    "https://127.0.0.1/team/web/%252e%252e/secret",
    "git@127.0.0.1:team/web/../secret",
    "https://127.0.0.2/team/web",
    "file:///git.local/x",
  ])
    expect(`${url} ${await codeOf(openRemote(url, guard))}`).toBe(`${url} GIT_URL_REFUSED`);
});

test("git is bound to the addresses that were looked at", async () => {
  const bin = join(fixture.root, "bin");
  mkdirSync(bin);
  const log = join(fixture.root, "calls");
  const spy = `#!/bin/sh\n{ echo "args: $*"; echo "ssh: $GIT_SSH_COMMAND"; } >> ${log}\ncase "$*" in *" fetch "*) exit 128; esac\n`;
  writeFileSync(join(bin, "git"), spy, { mode: 0o755 });
  const opener = createSourceOpener(createGit({ PATH: `${bin}:${process.env.PATH}` }), fixture.state, {
    hostName: "box",
    guard: { allowed: [], resolve },
  });
  for (const repo of ["https://both.example/x", "ssh://git@public.example:2222/x", "git@public.example:x"])
    await codeOf(opener.open({ repo, branch: "main" }, never));
  const fetches = (await Bun.file(log).text()).split("args: ").filter((call) => call.includes(" fetch "));
  expect(fetches).toHaveLength(3);
  expect(fetches[0]).toContain(
    "-c http.followRedirects=false -c http.curloptResolve=both.example:443:203.0.113.9,[2600::1] ",
  );
  expect(fetches[1]).toContain("'HostName=203.0.113.9' '-o' 'HostKeyAlias=[public.example]:2222'");
  expect(fetches[2]).toContain("'HostName=203.0.113.9' '-o' 'HostKeyAlias=public.example'");
});

/** A repository over http, by git's own server side; what lies below `/moved` is only redirected to it. */
async function serveRepository() {
  const repo = await makeRepository(join(fixture.root, "web"), { a: "1" });
  git(fixture.root, "clone", "-q", "--bare", repo, "web.git");
  const asked: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request): Promise<Response> {
      const { pathname, search } = new URL(request.url);
      asked.push(pathname);
      if (pathname.startsWith("/moved/"))
        return Response.redirect(`/team${pathname.slice("/moved".length)}${search}`, 302);
      const path = pathname.replace(/^\/team/, "");
      return await runGitHttpBackend(fixture.root, request, { path, query: search.slice(1) });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, asked, [Symbol.asyncDispose]: () => server.stop(true) };
}

test("a server clones what is allowed, and follows no redirect from there", async () => {
  await using host = await serveRepository();
  const guard = { allowed: ["127.0.0.1"] };
  const opener = createSourceOpener(fixture.git, fixture.state, { hostName: "box", guard });
  const source = await opener.open({ repo: `${host.url}/team/web.git`, branch: "main" }, never);
  expect(await source.readFile("a")).toBe("1");
  host.asked.length = 0;
  const moved = opener.open({ repo: `${host.url}/moved/web.git`, branch: "main" }, never);
  expect(await codeOf(moved)).toBe("GIT_FAILED");
  expect(host.asked.filter((path) => path.startsWith("/team/"))).toEqual([]);
});

test("a server takes nothing from its own disk", async () => {
  const repo = await makeRepository(join(fixture.root, "web"), { a: "1" });
  const guard = { allowed: ["127.0.0.1"] };
  const opener = createSourceOpener(fixture.git, fixture.state, { hostName: "box", guard });
  expect(await codeOf(opener.open({ repo }, never))).toBe("GIT_URL_REFUSED");
  expect(await codeOf(opener.open({ repo: `file://${repo}` }, never))).toBe("GIT_URL_REFUSED");
  const { source } = await fixture.sources.open({ repo }, never);
  expect(await codeOf(opener.restoreSnapshot(source, never))).toBe("SNAPSHOT_GONE");
});
