import { $ } from "bun";

/** The engine of the tests. */
export function dockerHost(): string {
  return process.env.DOCKER_HOST ?? "unix:///var/run/docker.sock";
}

/** Names of everything that carries an instance's label. */
export async function labelledObjects(instance: string): Promise<string[]> {
  const filter = `label=cicd.instance=${instance}`;
  const [containers, volumes, networks] = await Promise.all([
    $`docker ps -a --filter ${filter} --format ${"{{.Names}}"}`.text(),
    $`docker volume ls -q --filter ${filter}`.text(),
    $`docker network ls --filter ${filter} --format ${"{{.Name}}"}`.text(),
  ]);
  return [containers, volumes, networks].flatMap((list) => list.split("\n")).filter((name) => name !== "");
}
