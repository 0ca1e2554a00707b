import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../package.json";
import { binary } from "../support/binary.ts";
import { eventually } from "../support/eventually.ts";
import { succeed } from "./nodes.ts";

const ROOT = join(import.meta.dir, "../..");
const IMAGE = `cicd-test/cicd:short-${process.pid}`;
const NAME = `cicd-test-serve-${process.pid}`;
const HEALTH = composeFile().services.server.healthcheck.test.map((word) => word.replaceAll("$$", "$"));

interface ComposeFile {
  services: Record<"database" | "server" | "worker", Service>;
}

interface Service {
  image: string;
  user?: string;
  ports?: string[];
  volumes: string[];
  healthcheck: { test: string[] };
}

function composeFile(): ComposeFile {
  return Bun.YAML.parse(readFileSync(join(ROOT, "compose.yaml"), "utf8")) as ComposeFile;
}

const docker = (...args: string[]) => succeed(["docker", ...args]);

describe("the image", () => {
  beforeAll(async () => {
    await binary();
    await succeed([join(ROOT, "scripts/test-images"), "debian"]);
    await succeed([join(ROOT, "scripts/image"), "--tag", IMAGE, "--base", "cicd-test/debian:1"]);
  }, 300_000);

  afterAll(async () => {
    await docker("rm", "-f", "-v", NAME);
    await docker("image", "rm", "-f", IMAGE);
  });

  test("holds git, ssh, certificates and time zones, and runs as a user of no privileges", async () => {
    const look =
      "id -u; git --version; ssh -V 2>&1; ls /etc/ssl/certs/ca-certificates.crt /usr/share/zoneinfo/Europe/Berlin";
    const said = await docker("run", "--rm", "--entrypoint", "sh", IMAGE, "-c", look);
    expect(said).toMatch(/^10001\ngit version 2\..*\nOpenSSH.*\n\/etc\/ssl.*\n\/usr\/share.*\n$/);
  });

  test("says what it was made from", async () => {
    const labels = JSON.parse(await docker("image", "inspect", "-f", "{{json .Config.Labels}}", IMAGE));
    expect(labels).toMatchObject({
      "org.opencontainers.image.title": "cicd",
      "org.opencontainers.image.version": version,
    });
  });

  test("serves with as few rights as in compose.yaml, and compose.yaml's health check sees it", async () => {
    await docker(
      ...["run", "-d", "--init", "--name", NAME, "--cap-drop", "ALL", "--security-opt", "no-new-privileges"],
      ...[
        "-e",
        "CICD_ALLOWED_HOSTS=127.0.0.1",
        "-p",
        "127.0.0.1::7878",
        "-v",
        "/var/lib/cicd",
        IMAGE,
        "serve",
        "--no-worker",
      ],
    );
    await eventually(
      () =>
        docker("exec", NAME, ...HEALTH.slice(1)).then(
          () => true,
          () => false,
        ),
      {
        withinMs: 15_000,
        everyMs: 100,
      },
    );
    const port = (await docker("port", NAME, "7878")).trim();
    expect((await fetch(`http://${port}/healthz`)).status).toBe(200);
    expect((await fetch(`http://${port}/api/v1/runs`)).status).toBe(401);
    await docker("stop", "-t", "20", NAME);
    expect((await docker("inspect", "-f", "{{.State.ExitCode}}", NAME)).trim()).toBe("0");
  }, 30_000);
});

describe("compose.yaml", () => {
  const { services } = composeFile();

  test("is understood by `docker stack deploy`", async () => {
    const said = await succeed(
      ["docker", "stack", "deploy", "-c", join(ROOT, "compose.yaml"), "cicd-test-none"],
      { env: { DOCKER_GID: "0", CICD_DATABASE_PASSWORD_FILE: "/dev/null" } },
    ).catch(String);
    expect(said).toContain("not a swarm manager");
  });

  test("asks for what has no sensible default", async () => {
    const said = await succeed(
      ["docker", "stack", "deploy", "-c", join(ROOT, "compose.yaml"), "cicd-test-none"],
      { env: { DOCKER_GID: "" } },
    ).catch(String);
    expect(said).toContain("DOCKER_GID is missing a value");
  });

  test("opens one port, of the loopback interface", () => {
    expect(services.server.ports).toEqual(["${CICD_PUBLISH:-127.0.0.1:7878}:7878"]);
    expect(services.database.ports).toBeUndefined();
    expect(services.worker.ports).toBeUndefined();
  });

  test("gives the Docker socket to the worker alone", () => {
    const hasSocket = ({ volumes }: Service) => volumes.some((volume) => volume.includes("docker.sock"));
    expect(Object.values(services).filter(hasSocket)).toEqual([services.worker]);
  });

  test("holds no password", () => {
    expect(readFileSync(join(ROOT, "compose.yaml"), "utf8")).not.toMatch(/PASSWORD: |:\/\/\w+:[^/$@]+@/);
  });
});
