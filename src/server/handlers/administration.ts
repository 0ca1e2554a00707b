import { toIso } from "../../app/shapes.ts";
import { createToken, listTokens, revokeToken } from "../../app/tokens.ts";
import type { Handlers } from "../handler.ts";

export const administrationHandlers: Handlers<"listTokens" | "createToken" | "revokeToken" | "listWorkers"> =
  {
    async listTokens(_input, { app }) {
      return { tokens: await listTokens(app) };
    },

    async createToken({ body }, { app }) {
      return createToken(app, body);
    },

    async revokeToken({ params }, { app }) {
      await revokeToken(app, params.token);
      return undefined;
    },

    async listWorkers(_input, { app }) {
      const workers = await (await app.registry()).listWorkers();
      return {
        workers: workers.map(({ startedAt, seenAt, ...worker }) => ({
          ...worker,
          startedAt: toIso(startedAt),
          seenAt: toIso(seenAt),
        })),
      };
    },
  };
