import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { testImage } from "../support/images.ts";
import { Sandbox } from "../support/sandbox.ts";
import { ServerProcess } from "../support/server.ts";

const TOKEN = "Tr0ub4dor&3/horse'battery";
const KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSj\n-----END KEY-----\n";

const PRINTING = `
name: web
default: { image: cicd-test/busybox:1 }
jobs:
  print:
    stage: test
    secrets: [TOKEN, KEY, NONE]
    environment: { name: review/One, url: "https://$CI_ENVIRONMENT_SLUG.example.org" }
    variables:
      URL: "https://u:$TOKEN@example.org"
      CONFIG: { value: "a: 'b'\\n\\"c\\": $CI_JOB_NAME\\n", file: true }
    script:
      - echo "plain $TOKEN in $URL"
      - for before in "" a ab; do printf %s "$before$TOKEN" | base64; done
      - printf '%s' "$TOKEN" | cut -c1-9 | tr -d '\\n'; sleep 0.2; printf '%s\\n' "$TOKEN" | cut -c10-
      - set -x; true "$TOKEN"; set +x
      - printf 'coloured %s\\033[1;31m%s\\033[0m\\n' "$(printf %s "$TOKEN" | cut -c1-8)" "$(printf %s "$TOKEN" | cut -c9-)"
      - printf '{"token":"%s"}\\n' "$TOKEN"
      - cat "$KEY"; sha256sum < "$KEY"; sha256sum < "$CONFIG"
      - echo "$CI_ENVIRONMENT_NAME $CI_ENVIRONMENT_URL $CI_ENVIRONMENT_TIER $CI_ENVIRONMENT_ACTION"
      - printf "last $TOKEN"
  other:
    stage: test
    script: echo "[\${TOKEN-unset}]"
  ruled:
    stage: test
    rules: [{ if: $TOKEN && $KEY && $NONE == null }]
    script: echo "[\${TOKEN-unset}]"
`;

/** No part of a secret that would help anybody, in any writing. */
const TRACES = [/Tr0ub|horse|battery/, /aG9yc2|b3JzZ|hvcnNl/, /VHIwdW|RyMHVi|UcjB1Y/, /MIIEv|AQEFAA|kqhki/];

describe("secrets", () => {
  let sandbox: Sandbox;
  let shown = "";

  beforeAll(async () => {
    await testImage("busybox");
    sandbox = await Sandbox.open({ ".cicd-pipelines/web.yml": PRINTING });
    await Bun.write(join(sandbox.directory, "token"), TOKEN);
    await Bun.write(join(sandbox.directory, "key"), KEY);
    const set = (...args: string[]) => sandbox.cicd("secret", "set", ...args);
    expect((await set("TOKEN", "--file", join(sandbox.directory, "token"))).status).toBe(0);
    const key = ["KEY", "--as-file", "--all-repositories", "--file", join(sandbox.directory, "key")];
    expect((await set(...key)).status).toBe(0);
    const { status, stdout, stderr } = await sandbox.cicd("run");
    expect(status).toBe(0);
    shown = stdout + stderr;
  }, 60_000);
  afterAll(() => sandbox[Symbol.asyncDispose]());

  test("are shown masked in whatever writing a job prints them", () => {
    expect(shown).toContain("plain [MASKED] in https://u:[MASKED]@example.org");
    expect(shown).toContain('{"token":"[MASKED]"}');
    expect(shown).toContain("last [MASKED]");
    expect(shown).toContain("+ true");
    for (const trace of TRACES) expect(shown).not.toMatch(trace);
  });

  test("are in no log, no report, no event and no file of the database", async () => {
    const asked = [
      ["logs"],
      ["report", "--json"],
      ["list", "--json"],
      ["trace", "--json"],
      ["secret", "list", "--json"],
    ];
    const answers = await Promise.all(asked.map((args) => sandbox.cicd(...args)));
    const said = answers.map(({ status, stdout, stderr }) => {
      expect(status).toBe(0);
      return stdout + stderr;
    });
    expect(said[0]).toContain("last [MASKED]");
    const state = join(sandbox.directory, "state/cicd");
    const database = readdirSync(state).filter((name) => name.startsWith("cicd.db"));
    const stored = database.map((name) => readFileSync(join(state, name), "latin1"));
    expect(stored.join("")).toContain("TOKEN");
    for (const trace of TRACES) expect([...said, ...stored].join("\n")).not.toMatch(trace);
  });

  test("are given to the jobs that name them, and rules see of them that they are set", () => {
    expect(shown).toContain("[other] [unset]");
    expect(shown).toContain("[ruled] [unset]");
    expect(shown).toContain("no secret of this name is set: NONE");
  });

  test("and variables may be files, byte for byte", () => {
    const hash = (text: string) => createHash("sha256").update(text).digest("hex");
    expect(shown).toContain(hash(KEY));
    expect(shown).toContain(hash("a: 'b'\n\"c\": print\n"));
  });

  test("stand beside what a job is told of its environment", () => {
    expect(shown).toMatch(/review\/One https:\/\/review-one-[0-9a-z]{6}\.example\.org development start/);
  });

  test("that the key does not open fail the job that names them, and doctor says which", async () => {
    const doctor = async () =>
      JSON.parse((await sandbox.cicd("doctor", "--json")).stdout).findings.find(
        ({ name }: { name: string }) => name === "secrets",
      );
    expect(await doctor()).toMatchObject({ status: "ok", detail: "the key opens all that are stored (2)" });
    sandbox.environment.CICD_SECRET_KEY = "1".repeat(64);
    try {
      expect(await doctor()).toMatchObject({
        ...{ status: "fail", detail: "the key does not open 2 of 2: KEY, TOKEN" },
        mend: expect.stringContaining("cicd secret set"),
      });
      const { status, stdout, stderr } = await sandbox.cicd("run", "--job", "print");
      expect(status).toBe(1);
      expect(stdout + stderr).toContain("cannot be opened: it was sealed with another key; give the server");
    } finally {
      delete sandbox.environment.CICD_SECRET_KEY;
    }
  });

  test("cannot be too short, and are gone once removed", async () => {
    await Bun.write(join(sandbox.directory, "short"), "short");
    const refused = await sandbox.cicd("secret", "set", "A", "--file", join(sandbox.directory, "short"));
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining("[SECRET_REFUSED]")]);
    expect((await sandbox.cicd("secret", "rm", "TOKEN")).status).toBe(0);
    expect((await sandbox.cicd("secret", "list")).stdout).not.toContain("TOKEN");
    expect((await sandbox.cicd("secret", "rm", "TOKEN")).status).toBe(2);
  });
});

describe("variables of the user's own", () => {
  const SHOWING = `
deploy:
  script:
    - echo "$PLAIN $BOTH \${API_TOKEN:-unset} \${MASKED-unset}"
    - cat "$CONF"; ls -a | tr '\\n' ' '
quiet:
  variables: { PLAIN: job, BOTH: job }
  script: echo "$PLAIN $BOTH $(printenv API_TOKEN || echo unset)"
`;
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await Sandbox.open(
      { ".gitlab-ci.yml": SHOWING, ".gitignore": ".env\n" },
      { CICD_EXECUTOR: "shell" },
    );
    await sandbox.write({
      ".env": "# mine\nexport PLAIN='from env'\nBOTH=env # of two\nAPI_TOKEN=\"much too secret\"\n",
      ".cicd/variables.yml":
        "BOTH: yaml\nMASKED: { value: hidden value, masked: true }\nCONF: { value: 'c=$BOTH', type: file }\n",
    });
  });
  afterAll(() => sandbox[Symbol.asyncDispose]());

  test("are given to local runs: the secret ones where a job refers to them, and in no snapshot that git ignores", async () => {
    const { status, stdout, stderr } = await sandbox.cicd("run");
    expect(status).toBe(0);
    const shown = stdout + stderr;
    expect(shown).toContain("[deploy] from env yaml [MASKED] [MASKED]");
    expect(shown).toContain("[quiet] from env yaml unset");
    expect(shown).toContain("[deploy] c=yaml");
    expect(shown).toMatch(/\[deploy\] .*\.cicd \.gitignore/);
    expect(shown).not.toMatch(/\[deploy\].* \.env /);
    expect(shown).not.toMatch(/much too secret|hidden value/);
    expect(stderr).toContain(".cicd/variables.yml is not ignored by git");
    expect(stderr).not.toContain(".env is not ignored");
  });

  test("give way to --var", async () => {
    const { stdout, stderr } = await sandbox.cicd("run", "--var", "BOTH=said", "--var", "MASKED=said");
    expect(stdout + stderr).toContain("[deploy] from env said [MASKED] said");
  });

  test("that are written wrongly are told with their line", async () => {
    await sandbox.write({ ".cicd/variables.yml": "A: 1\nB: { valeu: 2 }\n" });
    const { status, stderr } = await sandbox.cicd("run");
    expect(status).toBe(2);
    expect(stderr).toContain('.cicd/variables.yml:2: unknown key "valeu"');
    await sandbox.write({
      ".cicd/variables.yml": "CONF: { value: x, type: file }\n",
      ".env": "BOTH=x\nMAIL me: now\n",
    });
    const passedOver = await sandbox.cicd("run");
    expect(passedOver.status).toBe(0);
    expect(passedOver.stderr).toContain(".env:2 is passed over: this is not NAME=value");
  });

  test("are not taken from a file that a link of the tree leads to", async () => {
    await Bun.write(join(sandbox.directory, "elsewhere"), "STOLEN=from another place\n");
    rmSync(join(sandbox.repo, ".env"));
    symlinkSync("../elsewhere", join(sandbox.repo, ".env"));
    const { status, stderr } = await sandbox.cicd("run");
    expect(status).toBe(2);
    expect(stderr).toContain(".env is a link that leads out of the repository");
    rmSync(join(sandbox.repo, ".env"));
    await sandbox.write({ ".env/bin/activate": "" });
    expect((await sandbox.cicd("run")).status).toBe(0);
  });
});

describe("on a server", () => {
  test("secrets are set through it and given to the jobs of its worker, but not what lies beside the client's tree", async () => {
    await using server = await ServerProcess.open();
    const shell = { CICD_EXECUTOR: "shell", ...server.client };
    const text =
      "name: web\njobs:\n  a: { stage: test, secrets: [TOKEN, MINE_TOKEN], script: 'echo \"<$TOKEN> <${MINE_TOKEN-unset}>\"' }\n";
    await using sandbox = await Sandbox.open(
      { ".cicd-pipelines/web.yml": text, ".gitignore": ".env" },
      shell,
    );
    await sandbox.write({ ".env": "MINE_TOKEN=kept to myself\n" });
    await Bun.write(join(sandbox.directory, "token"), TOKEN);
    const set = await sandbox.cicd("secret", "set", "TOKEN", "--file", join(sandbox.directory, "token"));
    expect([set.status, set.stderr]).toEqual([0, "the secret TOKEN is set\n"]);
    const { status, stdout, stderr } = await sandbox.cicd("run");
    expect(status).toBe(0);
    expect(stdout + stderr).toContain("[a] <[MASKED]> <unset>");
    for (const trace of TRACES) expect(stdout + stderr + server.log).not.toMatch(trace);
    const listed = await sandbox.cicd("secret", "list", "--json");
    expect(JSON.parse(listed.stdout).secrets).toMatchObject([{ name: "TOKEN", file: false }]);
    expect((await sandbox.cicd("secret", "rm", "TOKEN")).status).toBe(0);
  });
});
