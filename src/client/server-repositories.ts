import type { RepositoryService } from "../app/repositories.ts";
import type { ApiClient } from "./api-client.ts";

/** The repositories that a server takes webhooks for; adding and removing is for its administrators. */
export function serverRepositories(client: ApiClient): RepositoryService {
  return {
    add: (body, signal) => client.ask("addRepository", { body }, signal),
    list: async (signal) => (await client.ask("listRepositories", {}, signal)).repositories,
    async remove(named, signal) {
      await client.open("removeRepository", { params: { repository: named } }, signal);
    },
    schedules: async (signal) => (await client.ask("listSchedules", {}, signal)).schedules,
  };
}
