import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Sandbox } from "../support/sandbox.ts";
import { scriptsTestImages } from "../support/scripts.ts";

const README = readFileSync(join(import.meta.dir, "../../README.md"), "utf8");
const FILES = [...README.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1]!);

/** What README shows after `$ COMMAND`. */
function shown(command: string): string {
  const block = README.split("```console\n").find((text) => text.startsWith(`$ ${command}\n`));
  return block!.slice(command.length + 3, block!.indexOf("```"));
}

/** Without what differs from run to run. */
function comparable(text: string): string {
  return text.replace(/ *\b\d+(\.\d+)?m?s\b/g, " TIME").trim();
}

test("README begins with exactly the two commands of the set-up", () => {
  const [, first] = /```sh\n([\s\S]*?)```/.exec(README)!;
  expect(
    first!
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[0]),
  ).toEqual(["./scripts/quickstart", "./scripts/test"]);
});

test("README's first pipeline runs and ends as shown", async () => {
  await scriptsTestImages("busybox");
  await using sandbox = await Sandbox.open({
    "page.html": "<title>NAME</title>\n",
    ".cicd-pipelines/web.yml": FILES[0]!,
  });
  const run = await sandbox.cicd("run", "-o", "default.image=cicd-test/busybox:1");
  expect(run.status).toBe(0);
  expect(comparable(shown("cicd run"))).toEndWith(comparable(run.stdout));
  const commands = shown("cicd run")
    .split("\n")
    .filter((line) => /^\[\w+\] (\$|started)/.test(line));
  expect(commands.length).toBe(7);
  for (const line of commands) expect(run.stderr).toContain(line);
}, 60_000);

test("README's failing check is what the program says", async () => {
  await using sandbox = await Sandbox.open({ ".cicd-pipelines/web.yml": FILES[1]! });
  const check = await sandbox.cicd("check");
  expect(check.status).toBe(2);
  expect(shown("cicd check")).toBe(check.stdout);
});
