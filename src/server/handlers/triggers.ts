import { addRepository, listRepositories, listSchedules, removeRepository } from "../../app/repositories.ts";
import type { Handlers } from "../handler.ts";

export const triggerHandlers: Handlers<
  "listRepositories" | "addRepository" | "removeRepository" | "listSchedules"
> = {
  async listRepositories(_input, { app, baseUrl }) {
    return { repositories: await listRepositories(app, baseUrl) };
  },

  async addRepository({ body }, { app, executor, baseUrl, signal, mayIdle }) {
    mayIdle();
    return addRepository(app, body, { executor, baseUrl }, signal);
  },

  async removeRepository({ params }, { app }) {
    await removeRepository(app, params.repository);
    return undefined;
  },

  async listSchedules(_input, { app }) {
    return { schedules: await listSchedules(app) };
  },
};
