import { localRepositories, type RepositoryJson, type ScheduleJson } from "../../app/repositories.ts";
import { serverAddress } from "../../app/server-address.ts";
import type { Config } from "../../config/config.ts";
import { CicdError } from "../../errors/cicd-error.ts";
import { defineCicdCommand } from "../command.ts";
import { renderTable } from "../render/table.ts";
import { printable } from "../render/text.ts";

export default defineCicdCommand({
  positionals: { usage: "add URL | list | schedules | rm NAME|ID|URL", max: 2 },
  flags: {
    name: {
      kind: "string",
      value: "NAME",
      summary: "add: its name for people (default: as its address says)",
    },
  },
  details: `The repositories that a server takes webhooks for and whose schedules it watches. Works on the database
(--database), or, with --server and the token of an administrator, through a server. add looks at the
repository and prints the address and the secret of its webhook, this once.`,
  examples: [
    "cicd repo add https://git.example.org/shop/web.git",
    "cicd repo list",
    "cicd repo schedules",
    "cicd repo rm shop/web",
  ],
  async run({ flags, positionals, config, host, output, signal, remote }) {
    const [action, named] = positionals;
    // What a server would refuse to clone is refused here, too.
    await using app = host.createApp(config, "serve");
    const options = { executor: config.executor ?? "docker", baseUrl: addressOf(config) };
    const repositories = (await remote())?.repositories ?? localRepositories(app, options);
    if (action === "add" && named !== undefined) {
      const request = { url: named, name: flags.name ?? null, webhookSecret: null };
      const added = await repositories.add(request, signal);
      const { repository, webhookSecret } = added;
      if (output.json) await output.printJson(added);
      else await output.out(`webhook  ${repository.webhookUrl}\nsecret   ${webhookSecret}\n`);
      output.note(`added ${printable(repository.name)}; the secret is shown this once`);
    } else if (action === "list" && named === undefined) {
      const all = await repositories.list(signal);
      if (output.json) await output.printJson({ repositories: all });
      else await output.out(renderTable([["NAME", "BRANCH", "URL", "WEBHOOK", "ID"], ...all.map(toRow)]));
    } else if (action === "schedules" && named === undefined) {
      const all = await repositories.schedules(signal);
      if (output.json) await output.printJson({ schedules: all });
      else
        await output.out(
          renderTable([
            ["NEXT", "PIPELINE", "CRON", "ZONE", "BRANCH", "REPOSITORY"],
            ...all.map(toScheduleRow),
          ]),
        );
    } else if (action === "rm" && named !== undefined) {
      await repositories.remove(named, signal);
      if (output.json) await output.printJson({ removed: named });
      output.note(`no more webhooks are taken for ${printable(named)}; its runs stay`);
    } else {
      throw new CicdError("USAGE", "repo knows: add URL, list, schedules, and rm NAME|ID|URL");
    }
    return undefined;
  },
});

/** How people and webhooks reach the server that works on this database, as far as this process can know. */
function addressOf({ team, hostName }: Config): string {
  return serverAddress({ ...team, hostName });
}

function toRow({ id, name, url, defaultBranch, webhookUrl }: RepositoryJson): string[] {
  return [name, defaultBranch ?? "", url, webhookUrl, id].map(printable);
}

function toScheduleRow({ nextAt, pipeline, cron, timezone, branch, repo }: ScheduleJson): string[] {
  return [nextAt, pipeline, cron, timezone, branch ?? "(default)", repo].map(printable);
}
