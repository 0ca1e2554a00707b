import { writeFile } from "node:fs/promises";
import { Bench } from "./bench.ts";
import { describeMachine } from "./machine.ts";
import { type Options, parseOptions, UsageError } from "./options.ts";
import { endProcesses } from "./process.ts";
import { type Finding, NotMeasurable, type Row } from "./row.ts";
import { ROWS } from "./rows.ts";
import { renderTable } from "./table.ts";

type Measured = Finding & { row: string };

const say = (text: string) => void process.stderr.write(`${text}\n`);

/**
 * Measures what is asked for. The exit status is 1 where something does not hold, 2 for wrong use, 3 where a row failed, 130
 * after an interrupt.
 */
async function main(): Promise<number> {
  let options: Options;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    say(`error: ${error.message}`);
    return 2;
  }
  await using bench = await Bench.open(options.rounds);
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      interrupt.abort();
      void endProcesses();
    });
  }
  const machine = await describeMachine(bench);
  for (const [name, fact] of Object.entries(machine)) say(`${name.padEnd(12)} ${fact}`);
  const { findings, isBroken } = await measureAll(bench, chooseRows(options), interrupt.signal);
  if (interrupt.signal.aborted) return 130;
  process.stdout.write(`\n${renderTable(findings)}\n`);
  if (options.json !== undefined) {
    await writeFile(
      options.json,
      `${JSON.stringify({ machine, rounds: options.rounds, findings }, null, 2)}\n`,
    );
  }
  if (isBroken) return 3;
  return findings.every(({ holds }) => holds) ? 0 : 1;
}

function chooseRows({ only, quick }: Options): Row[] {
  if (only.length > 0) return ROWS.filter(({ name }) => only.includes(name));
  return ROWS.filter(({ isCheap }) => isCheap || !quick);
}

/** A row that fails does not keep the others from being measured. */
async function measureAll(
  bench: Bench,
  rows: Row[],
  interrupt: AbortSignal,
): Promise<{ findings: Measured[]; isBroken: boolean }> {
  const findings: Measured[] = [];
  let isBroken = false;
  for (const { name, title, measure } of rows) {
    if (interrupt.aborted) break;
    say(`\n==> ${name}: ${title}`);
    const startedAt = performance.now();
    try {
      for (const finding of await measure(bench)) {
        findings.push({ row: name, ...finding });
        say(
          `    ${finding.what}: ${finding.result}, ${finding.holds ? "holds" : "does not hold"} (${finding.goal})`,
        );
      }
    } catch (error) {
      const isMissing = error instanceof NotMeasurable;
      isBroken ||= !isMissing;
      say(
        isMissing
          ? `    left out: ${error.message}`
          : `    failed: ${error instanceof Error ? error.message : error}`,
      );
    }
    say(`    ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
  }
  return { findings, isBroken };
}

process.exitCode = await main();
