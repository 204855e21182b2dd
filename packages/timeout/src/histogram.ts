/** Below 1 ms: sixteenths of a millisecond; above: sixteen buckets for each doubling, up to 2^28 ms, which is three days. */
const BITS = 4;
const PER_DOUBLING = 2 ** BITS;
const DOUBLINGS = 28;
const BUCKETS = PER_DOUBLING * (DOUBLINGS + 1);
const LARGEST = 2 ** DOUBLINGS - 1;

/** Durations counted in a fixed number of buckets, each a sixteenth as wide as where it stands: any quantile within about 6 %. */
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
    const rank = Math.max(1, Math.ceil((percentile * this.#count) / 100));
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
  const parts = Math.min(Math.max(ms, 0), LARGEST) * PER_DOUBLING;
  if (parts < PER_DOUBLING) return parts | 0;
  const doubling = 31 - Math.clz32(parts);
  const within = (parts >>> (doubling - BITS)) & (PER_DOUBLING - 1);
  return (doubling - BITS + 1) * PER_DOUBLING + within;
}

/** The upper end of a bucket, in milliseconds. */
function upperEnd(index: number): number {
  if (index < PER_DOUBLING) return (index + 1) / PER_DOUBLING;
  const doubling = Math.floor(index / PER_DOUBLING) - 1;
  const width = 2 ** doubling / PER_DOUBLING;
  return 2 ** doubling + ((index % PER_DOUBLING) + 1) * width;
}
