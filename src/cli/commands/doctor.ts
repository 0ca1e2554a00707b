import { examine, type Finding } from "../../app/doctor.ts";
import { EXIT } from "../../errors/codes.ts";
import { defineCicdCommand } from "../command.ts";
import type { Style } from "../render/style.ts";
import { padEnd, printable } from "../render/text.ts";

export default defineCicdCommand({
  flags: {},
  details: "Exit status 3 when something that is needed does not work.",
  examples: ["cicd doctor", "cicd doctor --json"],
  async run({ app, config, output, signal, ...context }) {
    const remote = await context.remote();
    const findings = await examine(app, {
      needsDocker: config.executor !== "shell" && remote === undefined,
      ...(remote === undefined ? {} : { askServer: () => remote.examine(signal) }),
    });
    if (output.json) await output.printJson({ findings });
    else await output.out(findings.map((finding) => renderFinding(finding, output.style.out)).join(""));
    return findings.some(({ status }) => status === "fail") ? EXIT.outside : EXIT.success;
  },
});

const NAME_COLUMNS = 15;

function renderFinding({ name, status, detail, mend }: Finding, style: Style): string {
  const symbol = { ok: style.green("✓"), warn: style.yellow("!"), fail: style.red("✗") }[status];
  const advice = mend === null ? "" : `  ${" ".repeat(NAME_COLUMNS)}  → ${printable(mend)}\n`;
  return `${symbol} ${style.bold(padEnd(name, NAME_COLUMNS))}  ${printable(detail)}\n${advice}`;
}
