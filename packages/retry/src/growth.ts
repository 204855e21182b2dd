/** min(max, base · factor^times), for a factor of 1 or more: finite for any number of times, as long as `max` is. */
export function grown(base: number, factor: number, times: number, max: number): number {
  // What overflows is Infinity, of which the minimum is right; only 0 · Infinity would be none.
  return base === 0 ? 0 : Math.min(max, base * factor ** times);
}
