/** The engine of the tests. */
export function dockerHost(): string {
  return process.env.DOCKER_HOST ?? "unix:///var/run/docker.sock";
}

/** Names of everything that carries an instance's label. */
export async function labelledObjects(instance: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`cicd.instance=${instance}`] }));
  const [containers, volumes, networks] = await Promise.all([
    askEngine<{ Names: string[] }[]>(`/containers/json?all=1&filters=${filters}`),
    askEngine<{ Volumes: { Name: string }[] | null }>(`/volumes?filters=${filters}`),
    askEngine<{ Name: string }[]>(`/networks?filters=${filters}`),
  ]);
  return [
    ...containers.map(({ Names }) => Names[0]!.slice(1)),
    ...(volumes.Volumes ?? []).map(({ Name }) => Name),
    ...networks.map(({ Name }) => Name),
  ];
}

/** By its own address: three programs for one question take longer than many a test. */
async function askEngine<T>(path: string): Promise<T> {
  const host = dockerHost();
  const isSocket = host.startsWith("unix://");
  const base = isSocket ? "http://docker" : host.replace(/^tcp:/, "http:");
  const answer = await fetch(base + path, isSocket ? { unix: host.slice("unix://".length) } : {});
  if (!answer.ok) throw new Error(`the engine says ${answer.status} to ${path}`);
  return (await answer.json()) as T;
}
