import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../../src/cli/commands.ts";
import { GLOBAL_FLAGS } from "../../src/cli/common-flags.ts";
import type { FlagDefs } from "../../src/cli/flags.ts";
import { renderCommandHelp, renderProgramHelp } from "../../src/cli/help.ts";
import { CONFIG_FILE_KEYS } from "../../src/config/config-file.ts";
import { CONFIG_VARIABLES } from "../../src/config/load-config.ts";
import { ERROR_CODES } from "../../src/errors/codes.ts";
import { DIAGNOSTIC_CODES } from "../../src/pipeline/diagnostic.ts";

const read = (name: string) => readFileSync(join(import.meta.dir, "../../docs", name), "utf8");
const cli = read("cli.md");
const errors = read("errors.md");

const visible = COMMANDS.filter((entry) => !entry.isHidden);
const sections = new Map(cli.split(/^## /m).map((text) => [text.split("\n")[0]!, text]));
const head = cli.split(/^## /m)[0]!;

const names = (flags: FlagDefs) =>
  Object.entries(flags).flatMap(([name, { short, alias }]) => [
    `--${name}`,
    ...(short === undefined ? [] : [`-${short}`]),
    ...(alias === undefined ? [] : [`--${alias}`]),
  ]);
const mentions = (text: string, flag: string) => new RegExp(`(^|[\`| (])${flag}(?![\\w-])`, "m").test(text);

describe("docs/cli.md", () => {
  test("describes the flags of every command", () => {
    expect(names(GLOBAL_FLAGS).filter((flag) => !mentions(head, flag))).toEqual([]);
  });

  test.each(visible.map((entry) => [entry.name, entry] as const))(
    "describes cicd %s",
    async (name, entry) => {
      const section = sections.get(`cicd ${name}`) ?? "";
      expect(section).not.toBe("");
      if (entry.alias !== undefined) expect(section).toContain(`cicd ${entry.alias}`);
      const { default: command } = await entry.load();
      for (const [flag, def] of Object.entries(command.flags)) {
        // A flag that the head explains for all commands may be named by its short form alone.
        const forms = names({ [flag]: def });
        const undocumented = forms.filter((form) => !mentions(section, form) && !mentions(head, form));
        expect(undocumented).toEqual([]);
        expect(forms.some((form) => mentions(section, form))).toBe(true);
      }
    },
  );

  test("names no command that does not exist", () => {
    const documented = [...sections.keys()].filter((title) => title.startsWith("cicd "));
    expect(documented.sort()).toEqual(visible.map(({ name }) => `cicd ${name}`).sort());
  });

  test("lists every setting", () => {
    for (const [variable, key] of Object.entries(CONFIG_VARIABLES)) {
      expect(cli).toContain(`| \`${variable}\` | \`${key}\` |`);
    }
    expect(Object.values(CONFIG_VARIABLES).sort()).toEqual(
      (Object.keys(CONFIG_FILE_KEYS) as (keyof typeof CONFIG_FILE_KEYS)[]).sort(),
    );
  });
});

describe("docs/errors.md", () => {
  test("lists every error code with its exit status and meaning", () => {
    for (const [code, { exit, meaning }] of Object.entries(ERROR_CODES)) {
      expect(errors).toContain(`| \`${code}\` | ${exit} | ${meaning} | `);
    }
  });

  test("lists every diagnostic code with its meaning", () => {
    for (const [code, meaning] of Object.entries(DIAGNOSTIC_CODES)) {
      expect(errors).toContain(`| \`${code}\` | ${meaning} |`);
    }
  });

  test("lists no code that does not exist", () => {
    const listed = [...errors.matchAll(/^\| `([A-Z_]+)`/gm)].map(([, code]) => code!);
    expect(listed.sort()).toEqual([...Object.keys(ERROR_CODES), ...Object.keys(DIAGNOSTIC_CODES)].sort());
  });
});

describe("the help", () => {
  test("of the program names every command", () => {
    const help = renderProgramHelp("1.2.3");
    for (const { name, summary } of visible)
      expect(help).toMatch(new RegExp(`^  ${name}\\b.*  ${summary}$`, "m"));
    expect(help).not.toContain("drive-detached");
  });

  test.each(visible.map((entry) => [entry.name, entry] as const))(
    "of %s has an example",
    async (_, entry) => {
      const { default: command } = await entry.load();
      const help = renderCommandHelp(entry.name, entry.summary, command);
      expect(help).toMatch(new RegExp(`Examples:\n  cicd (${entry.name}|${entry.alias ?? entry.name})\\b`));
      for (const line of help.split("\n")) expect(line.length).toBeLessThanOrEqual(120);
    },
  );
});
