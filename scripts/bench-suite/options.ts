import { ROWS } from "./rows.ts";

export interface Options {
  rounds: number;
  quick: boolean;
  /** Names of rows; empty: all that `quick` allows. */
  only: string[];
  json: string | undefined;
}

const ROUNDS = 7;
const QUICK_ROUNDS = 3;
const MAX_ROUNDS = 1_000;

/** A wrong use of the script, to be shown as it is. */
export class UsageError extends Error {}

/** Throws UsageError. */
export function parseOptions(args: string[]): Options {
  const options: Options = { rounds: 0, quick: false, only: [], json: undefined };
  const words = [...args];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const value = () => {
      const next = words.shift();
      if (next === undefined) throw new UsageError(`${word} needs a value`);
      return next;
    };
    if (word === "--quick") options.quick = true;
    else if (word === "--rounds") options.rounds = toRounds(value());
    else if (word === "--only") options.only.push(toRowName(value()));
    else if (word === "--json") options.json = value();
    else throw new UsageError(`unknown argument: ${word}`);
  }
  options.rounds ||= options.quick ? QUICK_ROUNDS : ROUNDS;
  return options;
}

function toRounds(text: string): number {
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds >= 1 && rounds <= MAX_ROUNDS) return rounds;
  throw new UsageError(`--rounds: a whole number from 1 to ${MAX_ROUNDS}`);
}

function toRowName(text: string): string {
  if (ROWS.some(({ name }) => name === text)) return text;
  throw new UsageError(`there is no row ${text}; there are: ${ROWS.map(({ name }) => name).join(", ")}`);
}
