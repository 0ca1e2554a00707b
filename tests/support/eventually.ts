/** Waits until `condition` yields something truthy, and returns that; fails after `withinMs`. */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  options: { withinMs?: number; everyMs?: number } = {},
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = Date.now() + (options.withinMs ?? 5_000);
  for (;;) {
    const value = await condition();
    if (value) return value as Exclude<T, false | null | undefined>;
    if (Date.now() > deadline) throw new Error(`still not so after ${options.withinMs ?? 5_000} ms`);
    await Bun.sleep(options.everyMs ?? 10);
  }
}
