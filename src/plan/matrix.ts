import { combinations, instanceNames } from "../pipeline/keywords/parallel.ts";
import type { Job, MatrixRow, Parallel } from "../pipeline/pipeline.ts";

/** One job of a run: what `parallel` makes of a job of the file, or that job itself. */
export interface Instance {
  name: string;
  job: Job;
  /** Its values of the matrix; empty without one. */
  values: Record<string, string>;
  node: { index: number; total: number } | null;
}

/** In the order of the matrix. */
export function instancesOf(job: Job): Instance[] {
  const { name, parallel } = job;
  if (parallel === undefined) return [{ name, job, values: {}, node: null }];
  const all = valuesOf(parallel);
  const names = instanceNames(name, parallel);
  return all.map((values, at) => ({
    ...{ name: names[at]!, job, values },
    node: { index: at + 1, total: all.length },
  }));
}

function valuesOf(parallel: Parallel): Record<string, string>[] {
  if (parallel.kind === "count") return Array.from({ length: parallel.count }, () => ({}));
  return combinations(parallel.rows);
}

/** Whether an instance has the values of one of these rows. */
export function fitsRows({ values }: Pick<Instance, "values">, rows: MatrixRow[]): boolean {
  return rows.some((row) =>
    row.every(({ name, values: wanted }) => Object.hasOwn(values, name) && wanted.includes(values[name]!)),
  );
}

/** Whether `parallel` may have made this name of that job's. */
export function isInstanceOf(name: string, job: string): boolean {
  return (
    name.startsWith(`${job}: [`) ||
    (name.startsWith(`${job} `) && /^\d+\/\d+$/.test(name.slice(job.length + 1)))
  );
}
