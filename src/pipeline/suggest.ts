/** Comparisons one parse may spend on suggestions, so that a file full of mistakes stays fast. */
const COMPARISON_BUDGET = 20_000;

/** Finds what a user may have meant. One per parse: it shares a budget; when that is spent it suggests nothing. */
export class Suggester {
  private budget = COMPARISON_BUDGET;

  /** The nearest candidate within a third of the word's length, ignoring case and without `except`; ties: the first. */
  nearest(word: string, candidates: Iterable<string>, except?: string): string | undefined {
    if (word.length > 64 || this.budget <= 0) return undefined;
    const limit = word.length < 3 ? 0 : Math.floor(word.length / 3);
    const lower = word.toLowerCase();
    let best: string | undefined;
    let bestDistance = limit + 1;
    for (const candidate of candidates) {
      if (candidate === except || Math.abs(candidate.length - word.length) >= bestDistance) continue;
      if (this.budget-- <= 0) break;
      const distance = editDistance(lower, candidate.toLowerCase());
      if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
    }
    return best;
  }

  /** `did you mean "x"?`, or undefined. */
  hint(word: string, candidates: Iterable<string>, except?: string): string | undefined {
    const nearest = this.nearest(word, candidates, except);
    return nearest === undefined ? undefined : `did you mean "${nearest}"?`;
  }
}

/** Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, changes, swaps of neighbours. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, beforeLast[j - 2]! + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
