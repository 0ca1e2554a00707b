import { localTokens, type TokenJson, type TokenRequest } from "../../app/tokens.ts";
import { toDuration } from "../../config/settings.ts";
import { CicdError } from "../../errors/cicd-error.ts";
import { defineCicdCommand } from "../command.ts";
import { LOCAL_FLAG } from "../common-flags.ts";
import { renderTable } from "../render/table.ts";

const LONGEST_LIFE_MS = 10 * 366 * 86_400_000;
const ROLES = ["read", "run", "admin"] as const;

export default defineCicdCommand({
  positionals: { usage: "create | list | revoke NAME|ID", max: 2 },
  flags: {
    ...LOCAL_FLAG,
    name: { kind: "string", value: "NAME", summary: "create: what it is for; unique" },
    role: {
      kind: "string",
      value: "read|run|admin",
      summary: "create: look (read), also start and cancel runs (run), also manage the server (admin)",
    },
    expires: {
      kind: "string",
      value: "DURATION",
      summary: "create: for how long it is good (default: for ever)",
    },
  },
  details: `Works on the database (--database), or, with --server and the token of an administrator, through a server. A new token
is printed once and stored nowhere: the server keeps its hash.`,
  examples: [
    "cicd token create --name ci --role run --expires 90d",
    "cicd token list",
    "cicd token revoke ci",
  ],
  async run({ flags, positionals, app, output, signal, remote }) {
    const [action, named] = positionals;
    const tokens = (await remote())?.tokens ?? localTokens(app);
    if (action === "create" && named === undefined) {
      const made = await tokens.create(toRequest(flags), signal);
      if (output.json) await output.printJson(made);
      else await output.out(`${made.token}\n`);
      output.note(`made the token "${made.name}" (${made.role}); it is shown this once`);
    } else if (action === "list" && named === undefined) {
      const all = await tokens.list(signal);
      if (output.json) await output.printJson({ tokens: all });
      else
        await output.out(
          renderTable([["NAME", "ROLE", "STATE", "CREATED", "ID"], ...all.map(toRow(app.now()))]),
        );
    } else if (action === "revoke" && named !== undefined) {
      await tokens.revoke(named, signal);
      if (output.json) await output.printJson({ revoked: named });
      output.note(`the token "${named}" is good for nothing any more`);
    } else {
      throw new CicdError("USAGE", "token knows: create --name NAME --role ROLE, list, and revoke NAME|ID");
    }
    return undefined;
  },
});

function toRequest(flags: {
  name: string | undefined;
  role: string | undefined;
  expires: string | undefined;
}): TokenRequest {
  const { name, expires } = flags;
  if (name === undefined) throw new CicdError("USAGE", "a token needs a name: --name NAME");
  const role = ROLES.find((known) => known === flags.role);
  if (role === undefined) throw new CicdError("USAGE", "a token needs a role: --role read, run or admin");
  const setting = expires === undefined ? undefined : { text: expires, origin: "--expires" };
  const expiresInMs = setting === undefined ? null : toDuration(setting, LONGEST_LIFE_MS);
  if (expiresInMs === 0) throw new CicdError("USAGE", "--expires: a token lives for longer than 0s");
  return { name, role, expiresInMs };
}

function toRow(now: number): (token: TokenJson) => string[] {
  return ({ name, role, createdAt, expiresAt, revokedAt, id }) => {
    const state =
      revokedAt !== null
        ? `revoked ${revokedAt}`
        : expiresAt === null
          ? "good"
          : Date.parse(expiresAt) <= now
            ? `expired ${expiresAt}`
            : `good until ${expiresAt}`;
    return [name, role, state, createdAt, id];
  };
}
