import { describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { job, run, stage } from "../cli/shapes.ts";
import { answering, connect, NEVER, refused } from "./fixture.ts";

const RUN = run({ id: "r1", stages: [stage("test", [job("unit", "test")])] });
const sha256 = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");

/** A server with one artifact of this path, whose bytes are `sent` although `listed` was promised. */
const holding = (path: string, listed: string, sent: string) =>
  answering((request) => {
    const { pathname } = new URL(request.url);
    if (pathname.endsWith("/r1")) return Response.json(RUN);
    if (pathname.endsWith("/jobs/unit/artifacts")) return new Response(sent);
    const artifact = { job: "unit", attempt: 1, path, sizeBytes: listed.length, sha256: sha256(listed) };
    return Response.json({ artifacts: [artifact], expired: null });
  });

async function fetched(path: string, listed: string, sent: string) {
  const directory = await mkdtemp(join(tmpdir(), "cicd-fetched-"));
  using server = holding(path, listed, sent);
  const request = { path, directory: join(directory, "in", "here"), force: true };
  const fetching = connect(server.url).service.getArtifacts("r1", request, NEVER);
  const result = await fetching.then(
    (artifacts) => artifacts.map((artifact) => artifact.path),
    () => refused(fetching).then(({ code }) => code),
  );
  const left = (await readdir(directory, { recursive: true })).filter((name) => !/^in(\/here)?$/.test(name));
  await rm(directory, { recursive: true });
  return { result, left };
}

describe("an artifact", () => {
  test("is written where it belongs", async () => {
    const { result, left } = await fetched("a.txt", "one", "one");
    expect([result, left]).toEqual([["a.txt"], ["in/here/a.txt"]]);
  });

  test("that is not what was listed is not kept", async () => {
    expect(await fetched("a.txt", "one", "two")).toEqual({ result: "SERVER_FAILED", left: [] });
  });

  test.each(["../a.txt", "../../a.txt", "/a.txt", "b/../../a.txt", "b/./a.txt", "b//a.txt"])(
    "at %s is refused",
    async (path) => {
      expect(await fetched(path, "one", "one")).toEqual({ result: "SERVER_FAILED", left: [] });
    },
  );
});
