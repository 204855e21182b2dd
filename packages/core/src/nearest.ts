/** From this length on, a text is no name that somebody has misspelt. */
const LONG = 100;

/** The known name that `name` most probably meant, or undefined when nothing is near enough to suggest. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  if (name.length > LONG) return undefined;
  const wanted = name.toLowerCase();
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - wanted.length) >= bestDistance) continue;
    const distance = editDistance(wanted, candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** The known name from which `name` differs by one slip: a letter too many, too few, wrong, or two the wrong way round. */
export function misspelling(name: string, known: Iterable<string>): string | undefined {
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) <= 1 && editDistance(name, candidate, 2) === 1) return candidate;
  }
  return undefined;
}

/** Levenshtein's distance with neighbouring letters swapped counted once; answers `bound` as soon as it is at least that. */
function editDistance(a: string, b: string, bound: number): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (last[column] as number) + 1,
        (current[column - 1] as number) + 1,
        (last[column - 1] as number) + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, (beforeLast[column - 2] as number) + 1);
      current.push(cost);
    }
    // From here on it can only grow.
    if (Math.min(...last, ...current) >= bound) return bound;
    beforeLast = last;
    last = current;
  }
  return Math.min(last[b.length] as number, bound);
}
