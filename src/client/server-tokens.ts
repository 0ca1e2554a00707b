import type { TokenService } from "../app/tokens.ts";
import type { ApiClient } from "./api-client.ts";

/** The tokens of a server, for its administrators. */
export function serverTokens(client: ApiClient): TokenService {
  return {
    create: (body, signal) => client.ask("createToken", { body }, signal),
    list: async (signal) => (await client.ask("listTokens", {}, signal)).tokens,
    async revoke(nameOrId, signal) {
      await client.open("revokeToken", { params: { token: nameOrId } }, signal);
    },
  };
}
