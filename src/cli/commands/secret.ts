import { localSecrets, type SecretJson } from "../../app/secrets.ts";
import { CicdError } from "../../errors/cicd-error.ts";
import { defineCicdCommand } from "../command.ts";
import { LOCAL_FLAG, REPO_FLAG } from "../common-flags.ts";
import { readSecretValue } from "../read-secret-value.ts";
import { renderTable } from "../render/table.ts";
import { printable } from "../render/text.ts";

export default defineCicdCommand({
  positionals: { usage: "set NAME | list | rm NAME", max: 2 },
  flags: {
    ...REPO_FLAG,
    ...LOCAL_FLAG,
    "all-repositories": { kind: "boolean", summary: "set, rm: the one that all repositories get" },
    file: { kind: "string", value: "PATH", summary: "set: the value is what this file holds" },
    "as-file": { kind: "boolean", summary: "set: jobs get a file with it, and its path in the variable" },
  },
  details: `A job gets the secrets that it names: secrets: [NAME]; in a .gitlab-ci.yml those that its script, variables,
image or services refer to. The value is asked for at the terminal, or read from stdin or from a file; it is never
an argument. It lies encrypted in the database, the key in CICD_SECRET_KEY or in the state directory, and is masked
in logs. With --server and the token of an administrator the server keeps it.`,
  examples: [
    "cicd secret set DEPLOY_TOKEN",
    "cicd secret set SSH_KEY --file ~/.ssh/deploy --as-file",
    "pass show npm | cicd secret set NPM_TOKEN --all-repositories",
    "cicd secret list",
    "cicd secret rm DEPLOY_TOKEN",
  ],
  async run({ flags, positionals, app, output, signal, remote }) {
    const [action, name] = positionals;
    const secrets = (await remote())?.secrets ?? localSecrets(app);
    const repo = flags["all-repositories"] ? null : (flags.repo ?? ".");
    if (action === "set" && name !== undefined) {
      const value = await readSecretValue(app.files, name, flags.file, signal);
      await secrets.set({ repo, name, value, file: flags["as-file"] }, signal);
      if (output.json) await output.printJson({ set: name });
      output.note(`the secret ${printable(name)} is set`);
    } else if (action === "list" && name === undefined) {
      const all = await secrets.list(repo, signal);
      if (output.json) await output.printJson({ secrets: all });
      else await output.out(renderTable([["NAME", "REPOSITORY", "KIND", "CHANGED"], ...all.map(toRow)]));
    } else if (action === "rm" && name !== undefined) {
      await secrets.remove(repo, name, signal);
      if (output.json) await output.printJson({ removed: name });
      output.note(`the secret ${printable(name)} is gone`);
    } else {
      throw new CicdError("USAGE", "secret knows: set NAME, list, and rm NAME");
    }
    return undefined;
  },
});

function toRow({ name, repo, file, updatedAt }: SecretJson): string[] {
  return [name, printable(repo ?? "all"), file ? "file" : "variable", updatedAt];
}
