import { listSecrets, removeSecret, setSecret } from "../../app/secrets.ts";
import type { Handlers } from "../handler.ts";
import { repoKeyOf } from "../repo-key.ts";

export const secretHandlers: Handlers<"listSecrets" | "setSecret" | "removeSecret"> = {
  async listSecrets({ query }, { app, signal }) {
    const repo = query.repo === undefined ? null : await repoKeyOf(app, query.repo, signal);
    return { secrets: await listSecrets(app, repo) };
  },

  async setSecret({ params, body }, { app, signal }) {
    const repo = body.repo === null ? null : await repoKeyOf(app, body.repo, signal);
    await setSecret(app, { repo, name: params.secret, value: body.value, file: body.file });
    return undefined;
  },

  async removeSecret({ params, query }, { app, signal }) {
    const repo = query.repo === undefined ? null : await repoKeyOf(app, query.repo, signal);
    await removeSecret(app, repo, params.secret);
    return undefined;
  },
};
