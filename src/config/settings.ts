import { CicdError } from "../errors/cicd-error.ts";
import { parseDuration } from "../pipeline/duration.ts";
import { imageNameProblem } from "../pipeline/image-name.ts";

/** A value with where it came from, for messages: `--jobs`, `CICD_JOBS`, `jobs in config.yml`. */
export interface Setting {
  text: string;
  origin: string;
}

export function invalidSetting(setting: Setting, expected: string): CicdError {
  return new CicdError("SETTINGS_INVALID", `${setting.origin}: "${setting.text}" is not ${expected}`);
}

export function toCount(setting: Setting, max: number): number {
  const count = Number(setting.text);
  if (!/^\d{1,6}$/.test(setting.text) || count < 1 || count > max) {
    throw invalidSetting(setting, `a whole number from 1 to ${max}`);
  }
  return count;
}

export function toImage(setting: Setting): string {
  const problem = setting.text.includes("$")
    ? { hint: "it has no variables" }
    : imageNameProblem(setting.text);
  if (problem === undefined) return setting.text;
  throw invalidSetting(setting, `the name of an image: ${problem.hint}`);
}

export function toCpus(setting: Setting): number {
  const cpus = Number(setting.text);
  if (!/^\d{1,4}(\.\d{1,3})?$/.test(setting.text) || cpus <= 0) {
    throw invalidSetting(setting, "a number of CPUs such as 2 or 0.5");
  }
  return cpus;
}

/** Milliseconds. */
export function toDuration(setting: Setting, maxMs: number): number {
  const milliseconds = parseDuration(setting.text);
  if (milliseconds === undefined || milliseconds > maxMs) {
    throw invalidSetting(setting, `a duration such as 10s or 1m 30s, at most ${maxMs / 1000}s`);
  }
  return milliseconds;
}

const UNITS: Record<string, number> = { "": 0, k: 1, m: 2, g: 3, t: 4 };

/** Bytes: `100MB`, `512MiB`, `2g`, `1048576`. Units count in 1024, as Docker's do. */
export function toBytes(setting: Setting): number {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)\s*([kmgt]?)(?:i?b)?$/i.exec(setting.text.trim());
  const bytes = match === null ? 0 : Math.round(Number(match[1]) * 1024 ** UNITS[match[2]!.toLowerCase()]!);
  if (bytes < 1 || !Number.isSafeInteger(bytes)) {
    throw invalidSetting(setting, "a size such as 100MB, 512MiB or 2g");
  }
  return bytes;
}
