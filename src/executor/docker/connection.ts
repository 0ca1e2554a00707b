import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import type Dockerode from "dockerode";
import { CicdError } from "../../errors/cicd-error.ts";
import { sendDirectly } from "./direct-calls.ts";
import { limitCalls } from "./limited-calls.ts";

/**
 * Where the engine is. `host` as in DOCKER_HOST: `unix:///path`, `tcp://host:port`, `ssh://user@host`. `certPath`: the
 * directory of `ca.pem`, `cert.pem` and `key.pem` for TLS over tcp. `sshAgent`: the agent's socket for ssh.
 */
export interface DockerConnection {
  host: string;
  certPath?: string;
  sshAgent?: string;
}

export const DEFAULT_DOCKER_HOST = "unix:///var/run/docker.sock";

/** A client of the engine. `dial` opens a bare byte stream to its HTTP port; null where only dockerode can (ssh). */
export interface Engine {
  readonly docker: Dockerode;
  readonly host: string;
  /** Only then can the engine's files be files of this host. */
  readonly isUnixSocket: boolean;
  readonly dial: (() => Promise<Socket>) | null;
}

type Address =
  | { kind: "unix"; path: string }
  | { kind: "tcp"; host: string; port: number; tls: Tls | undefined }
  | { kind: "ssh"; host: string; port: number; user: string; agent: string | undefined };

interface Tls {
  ca: Buffer;
  cert: Buffer;
  key: Buffer;
}

/** Makes the client; nothing is sent yet. Throws SETTINGS_INVALID for an address of another form. */
export async function openEngine(connection: DockerConnection): Promise<Engine> {
  const address = await parseAddress(connection);
  const { default: Client } = await import("dockerode");
  const docker = new Client(clientOptions(address));
  if (address.kind === "unix") sendDirectly(docker.modem, address.path);
  limitCalls(docker.modem);
  return {
    docker,
    host: connection.host,
    isUnixSocket: address.kind === "unix",
    dial: address.kind === "ssh" ? null : () => dial(address),
  };
}

async function parseAddress({ host, certPath, sshAgent }: DockerConnection): Promise<Address> {
  if (host.startsWith("unix://")) return { kind: "unix", path: host.slice("unix://".length) };
  const url = URL.parse(host);
  if (url?.protocol === "tcp:" || url?.protocol === "http:" || url?.protocol === "https:") {
    const tls = certPath === undefined ? undefined : await readCertificates(certPath);
    const port = Number(url.port) || (tls ? 2376 : 2375);
    return { kind: "tcp", host: url.hostname, port, tls };
  }
  if (url?.protocol === "ssh:") {
    return {
      kind: "ssh",
      host: url.hostname,
      port: Number(url.port) || 22,
      user: url.username,
      agent: sshAgent,
    };
  }
  throw new CicdError("SETTINGS_INVALID", `The Docker host ${JSON.stringify(host)} is not an address.`, {
    hint: "Use unix:///path/to/docker.sock, tcp://host:port or ssh://user@host.",
  });
}

async function readCertificates(directory: string): Promise<Tls> {
  try {
    const [ca, cert, key] = await Promise.all(
      ["ca.pem", "cert.pem", "key.pem"].map((name) => readFile(join(directory, name))),
    );
    return { ca: ca!, cert: cert!, key: key! };
  } catch (cause) {
    throw new CicdError("SETTINGS_INVALID", `The TLS files for Docker in ${directory} cannot be read.`, {
      hint: "DOCKER_CERT_PATH must hold ca.pem, cert.pem and key.pem.",
      cause,
    });
  }
}

function clientOptions(address: Address): Dockerode.DockerOptions {
  switch (address.kind) {
    case "unix":
      return { socketPath: address.path };
    case "tcp":
      return {
        protocol: address.tls ? "https" : "http",
        host: address.host,
        port: address.port,
        ...address.tls,
      };
    case "ssh":
      return {
        protocol: "ssh",
        host: address.host,
        port: address.port,
        username: address.user,
        ...(address.agent !== undefined && { sshOptions: { agent: address.agent } }),
      };
  }
}

function dial(address: Exclude<Address, { kind: "ssh" }>): Promise<Socket> {
  const socket =
    address.kind === "unix"
      ? connect({ path: address.path })
      : address.tls
        ? connectTls({ host: address.host, port: address.port, ...address.tls })
        : connect({ host: address.host, port: address.port });
  const ready = address.kind === "tcp" && address.tls ? "secureConnect" : "connect";
  return new Promise((resolve, reject) => {
    socket.once(ready, () => {
      socket.off("error", reject);
      resolve(socket);
    });
    socket.once("error", reject);
  });
}

type DialOptions = Parameters<Dockerode["modem"]["dial"]>[0];

/** One call that dockerode has no fitting method for. Rejects as dockerode does. */
export function callEngine(engine: Engine, call: DialOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    engine.docker.modem.dial(call, (error: unknown, answer: unknown) =>
      error ? reject(error) : resolve(answer),
    );
  });
}
