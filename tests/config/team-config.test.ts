import { describe, expect, test } from "bun:test";
import type { ConfigFlags } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { CicdError } from "../../src/errors/cicd-error.ts";

function load(variables: Record<string, string>, flags: ConfigFlags = {}, hostName = "box") {
  const environment = {
    variables,
    homeDir: "/home/ann",
    userName: "ann",
    hostName,
    cpus: 2,
    isTty: { stdout: false, stderr: false },
    readFile: () => undefined,
  };
  return loadConfig(environment, flags, () => ({}));
}

function refusal(variables: Record<string, string>): CicdError {
  try {
    load(variables);
  } catch (error) {
    if (error instanceof CicdError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("where the server listens", () => {
  test.each([
    ["127.0.0.1:9000", { host: "127.0.0.1", port: 9000 }],
    [":9000", { host: "0.0.0.0", port: 9000 }],
    ["[::1]:9000", { host: "::1", port: 9000 }],
    ["ci.example.org", { host: "ci.example.org", port: 7878 }],
    [":0", { host: "0.0.0.0", port: 0 }],
  ])("%s", (text, expected) => {
    expect(load({}, { listen: text }).team.listen).toEqual(expected);
  });

  test.each(["127.0.0.1:70000", "a b:1", "http://x:1", "::1:80"])("%s is refused", (text) => {
    const error = refusal({ CICD_LISTEN: text });
    expect([error.code, error.message.includes("CICD_LISTEN")]).toEqual(["SETTINGS_INVALID", true]);
  });
});

describe("the server to talk to", () => {
  test("is an address without a slash at its end, with its token", () => {
    const { server } = load({ CICD_SERVER: "https://ci.example.org/", CICD_TOKEN: " cicd_abc\n" });
    expect(server).toEqual({ url: "https://ci.example.org", token: "cicd_abc", proxy: undefined });
  });

  test.each(["ci.example.org", "127.0.0.1:7931", "localhost:7931"])(
    "%s is refused and says how to begin",
    (text) => {
      expect(refusal({ CICD_SERVER: text }).message).toBe(
        `CICD_SERVER: "${text}" is not an address: begin it with http:// or https://`,
      );
    },
  );

  test.each(["ann:secret@ci", "https://ann:secret@ci", "https://ci/?token=secret"])(
    "%s is refused without repeating it",
    (text) => {
      const error = refusal({ CICD_SERVER: text });
      expect(error.code).toBe("SETTINGS_INVALID");
      expect(`${error.message} ${error.hint}`).not.toContain(text);
    },
  );

  test("a token with blanks in it is refused without repeating it", () => {
    const error = refusal({ CICD_SERVER: "https://ci", CICD_TOKEN: "two secrets" });
    expect([error.code, error.message.includes("secrets")]).toEqual(["SETTINGS_INVALID", false]);
  });

  test("is passed over with --local", () => {
    expect(load({ CICD_SERVER: "https://ci" }, { local: true }).server).toBeUndefined();
  });
});

describe("a worker", () => {
  test("is named after its host, as far as a name can be", () => {
    expect(load({}, {}, "büro pc").team.workerName).toBe("b-ro-pc");
    expect(load({}, {}, "---").team.workerName).toBe("worker");
  });

  test("has each of its labels once", () => {
    expect(load({ CICD_WORKER_LABELS: "gpu, arch:arm64,gpu" }).team.workerLabels).toEqual([
      "gpu",
      "arch:arm64",
    ]);
  });

  test.each([
    { CICD_WORKER_NAME: "../../etc" },
    { CICD_WORKER_LABELS: "a b!" },
    { CICD_ALLOWED_HOSTS: "https://x" },
    { CICD_ALLOWED_REPOSITORIES: "user@host" },
    { CICD_SHARED: "fs:relative" },
    { CICD_SHARED: "s3://UPPER" },
    { CICD_PUBLIC_URL: "javascript:alert(1)" },
  ])("%o makes no sense", (variables) => {
    const error = refusal(variables as Record<string, string>);
    expect(error.code).toBe("SETTINGS_INVALID");
    expect(error.message).toContain(Object.keys(variables)[0]!);
  });
});
