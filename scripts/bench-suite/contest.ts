/** Something whose cost is measured: each call does it once and returns what it took. */
export interface Contestant {
  name: string;
  run(): Promise<number>;
}

/**
 * Measures contestants side by side: each once to get warm, which does not count, then `rounds` times, in an order that
 * alternates, so that what else the machine does meets all of them alike. Returns each one's figures, in the order given.
 */
export async function contest(contestants: readonly Contestant[], rounds: number): Promise<number[][]> {
  const samples: number[][] = contestants.map(() => []);
  for (const { run } of contestants) await run();
  for (let round = 0; round < rounds; round++) {
    const order = contestants.map((_, index) => index);
    if (round % 2 === 1) order.reverse();
    for (const index of order) samples[index]!.push(await contestants[index]!.run());
  }
  return samples;
}
