/** Below 1 ms: eighths of a millisecond; above: eight buckets for each doubling, up to 2^28 ms, which is three days. */
const PER_DOUBLING = 8;
const DOUBLINGS = 28;
const BUCKETS = PER_DOUBLING * (DOUBLINGS + 1);
const LARGEST = 2 ** DOUBLINGS - 1;

/** Durations counted in a fixed number of buckets, each an eighth wider than its place: any quantile within about 6 %. */
export class Histogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;

  /** How many durations it holds. */
  get count(): number {
    return this.#count;
  }

  add(ms: number): void {
    const index = bucketOf(ms);
    // Full to the brim, it keeps its shape.
    if (this.#counts[index] === 0xffff_ffff) this.halve();
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#count++;
  }

  /** The duration that `percentile` per cent of all are not above, in milliseconds; 0 while there is none. */
  at(percentile: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.max(1, Math.ceil((percentile / 100) * this.#count));
    let seen = 0;
    for (let index = 0; index < BUCKETS; index++) {
      seen += this.#counts[index] as number;
      if (seen >= rank) return upperEnd(index);
    }
    return upperEnd(BUCKETS - 1);
  }

  /** Halves what every bucket holds: what is old counts for less and less. */
  halve(): void {
    this.#count = 0;
    for (let index = 0; index < BUCKETS; index++) {
      const half = (this.#counts[index] as number) >>> 1;
      this.#counts[index] = half;
      this.#count += half;
    }
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
  }
}

function bucketOf(ms: number): number {
  const eighths = Math.min(Math.max(ms, 0), LARGEST) * PER_DOUBLING;
  if (eighths < PER_DOUBLING) return eighths | 0;
  const doubling = 31 - Math.clz32(eighths);
  const within = (eighths >>> (doubling - 3)) & (PER_DOUBLING - 1);
  return (doubling - 2) * PER_DOUBLING + within;
}

/** The upper end of a bucket, in milliseconds. */
function upperEnd(index: number): number {
  if (index < PER_DOUBLING) return (index + 1) / PER_DOUBLING;
  const doubling = Math.floor(index / PER_DOUBLING) - 1;
  const width = 2 ** doubling / PER_DOUBLING;
  return 2 ** doubling + ((index % PER_DOUBLING) + 1) * width;
}
