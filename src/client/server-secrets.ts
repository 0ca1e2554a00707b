import type { SecretService } from "../app/secrets.ts";
import type { ApiClient } from "./api-client.ts";

/** The secrets of a server, for its administrators. `keyOf`: what the server knows a repository by. */
export function serverSecrets(
  client: ApiClient,
  keyOf: (repo: string, signal: AbortSignal) => Promise<string>,
): SecretService {
  const known = (repo: string | null, signal: AbortSignal) => (repo === null ? null : keyOf(repo, signal));
  return {
    async set({ name, value, file, ...request }, signal) {
      const repo = await known(request.repo, signal);
      await client.open("setSecret", { params: { secret: name }, body: { repo, value, file } }, signal);
    },
    async list(named, signal) {
      const repo = await known(named, signal);
      const query = repo === null ? {} : { repo };
      return (await client.ask("listSecrets", { query }, signal)).secrets;
    },
    async remove(named, name, signal) {
      const repo = await known(named, signal);
      const query = repo === null ? {} : { repo };
      await client.open("removeSecret", { params: { secret: name }, query }, signal);
    },
  };
}
