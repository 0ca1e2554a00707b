import { allFlags, type CicdCommand } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { GLOBAL_FLAGS } from "./common-flags.ts";
import type { FlagDefs } from "./flags.ts";
import { renderTable } from "./render/table.ts";

export function renderProgramHelp(version: string): string {
  const rows = COMMANDS.filter((entry) => !entry.isHidden).map((entry) => {
    const names = entry.alias === undefined ? entry.name : `${entry.name}, ${entry.alias}`;
    return [names, entry.summary];
  });
  return [
    `cicd ${version}: runs CI/CD pipelines in Docker containers\n`,
    "Usage: cicd COMMAND [FLAGS]\n",
    `Commands:\n${renderTable(rows, "  ")}`,
    `Flags of every command:\n${renderFlags(GLOBAL_FLAGS)}`,
    "Examples:\n  cicd init\n  cicd check\n  cicd run\n  cicd report\n",
    "More about a command: cicd COMMAND --help\n",
  ].join("\n");
}

export function renderCommandHelp(name: string, summary: string, command: CicdCommand): string {
  const positionals = command.positionals === undefined ? "" : ` ${command.positionals.usage}`;
  const own = Object.keys(command.flags).length === 0 ? [] : [`Flags:\n${renderFlags(command.flags)}`];
  return [
    `cicd ${name}: ${summary}\n`,
    `Usage: cicd ${name}${positionals} [FLAGS]\n`,
    ...(command.details === undefined ? [] : [`${command.details}\n`]),
    ...own,
    `Flags of every command:\n${renderFlags(GLOBAL_FLAGS)}`,
    `Examples:\n${command.examples.map((example) => `  ${example}\n`).join("")}`,
  ].join("\n");
}

function renderFlags(flags: FlagDefs): string {
  const rows = Object.entries(flags).map(([name, flag]) => {
    const short = flag.short === undefined ? "    " : `-${flag.short}, `;
    const alias = flag.alias === undefined ? "" : `, --${flag.alias}`;
    return [`${short}--${name}${alias}${flag.value === undefined ? "" : ` ${flag.value}`}`, flag.summary];
  });
  return renderTable(rows, "  ");
}

/** Every long and short flag of a command, for the test that compares them with the docs. */
export function flagNames(command: CicdCommand): string[] {
  const flags: FlagDefs = allFlags(command);
  return Object.entries(flags).flatMap(([name, flag]) => [
    `--${name}`,
    ...(flag.short === undefined ? [] : [`-${flag.short}`]),
  ]);
}
