import { join } from "node:path";
import type { DockerConfig, Environment } from "./config.ts";

const DEFAULT_HOST = "unix:///var/run/docker.sock";

/**
 * Which engine, found as the docker program finds it: DOCKER_HOST (`explicit`), else the context of DOCKER_CONTEXT or
 * `~/.docker/config.json`, else the local socket. https://docs.docker.com/engine/manage-resources/contexts/
 */
export function toDocker(environment: Environment, explicit: string | undefined): DockerConfig {
  const { variables } = environment;
  const isTls = (variables.DOCKER_TLS_VERIFY ?? "") !== "" || (variables.DOCKER_TLS ?? "") !== "";
  const configDir = variables.DOCKER_CONFIG || join(environment.homeDir, ".docker");
  return {
    host: explicit ?? contextHost(environment, configDir) ?? DEFAULT_HOST,
    certPath: variables.DOCKER_CERT_PATH ?? (isTls ? configDir : undefined),
    sshAgent: variables.SSH_AUTH_SOCK,
    configDir,
  };
}

function contextHost(environment: Environment, configDir: string): string | undefined {
  const settings = readJson(environment, join(configDir, "config.json"));
  const name = environment.variables.DOCKER_CONTEXT ?? property(settings, "currentContext");
  if (typeof name !== "string" || name === "" || name === "default") return undefined;
  const directory = new Bun.CryptoHasher("sha256").update(name).digest("hex");
  const meta = readJson(environment, join(configDir, "contexts", "meta", directory, "meta.json"));
  const host = property(property(property(meta, "Endpoints"), "docker"), "Host");
  return typeof host === "string" && host !== "" ? host : undefined;
}

/** Undefined where there is no such file or it is not understood: the engine's own answer then says what is wrong. */
function readJson(environment: Environment, path: string): unknown {
  try {
    return JSON.parse(environment.readFile(path) ?? "null");
  } catch {
    return undefined;
  }
}

function property(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
