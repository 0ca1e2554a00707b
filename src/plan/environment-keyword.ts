import type { Environment, Variables } from "../pipeline/pipeline.ts";
import { expandReferences, expandVariables } from "./expand.ts";

/**
 * The predefined variables of a job with those of its `environment`. Its name may refer to everything that is known before; its
 * address to the name as well.
 */
export function environmentVariables(
  { name, url, action, tier }: Environment,
  variables: Variables,
  predefined: Record<string, string>,
  sha256: (text: string) => string,
): Record<string, string> {
  const expanded = (text: string, known: Record<string, string>) => {
    const all = { ...known, ...expandVariables(variables, known) };
    return expandReferences(text, (reference) => (Object.hasOwn(all, reference) ? all[reference] : ""));
  };
  const named = expanded(name, predefined);
  const known = {
    ...predefined,
    CI_ENVIRONMENT_NAME: named,
    CI_ENVIRONMENT_SLUG: environmentSlug(named, sha256),
    CI_ENVIRONMENT_ACTION: action,
    CI_ENVIRONMENT_TIER: tier ?? tierOf(named),
  };
  return url === undefined ? known : { ...known, CI_ENVIRONMENT_URL: expanded(url, known) };
}

/** GitLab's guess: `Environment#guess_tier`. */
function tierOf(name: string): string {
  return TIERS.find(([, pattern]) => pattern.test(name))?.[0] ?? "other";
}

const TIERS: readonly (readonly [string, RegExp])[] = [
  ["development", /dev|review|trunk/i],
  ["testing", /test|tst|int|acc?e?pt|qa|qc|control|quality/i],
  ["staging", /sta?g|mode?l|pre|demo|non/i],
  ["production", /pro?d|live/i],
];

const MAX_SLUG = 24;

/** At most 24 characters that begin with a letter, fit for a host name; as `Gitlab::Slug::Environment`. */
export function environmentSlug(name: string, sha256: (text: string) => string): string {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, "-");
  const slug = (/^[a-z]/.test(plain) ? plain : `env-${plain}`).replace(/-+/g, "-");
  if (slug.length <= MAX_SLUG && slug === name) return slug;
  const suffix = BigInt(`0x${sha256(name)}`)
    .toString(36)
    .slice(-6);
  return `${slug.slice(0, MAX_SLUG - 7).replace(/-$/, "")}-${suffix}`;
}
