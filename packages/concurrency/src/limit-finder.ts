/**
 * Finds how many calls a downstream can run at once, by what more of them buy: below its capacity more concurrency is more throughput
 * at the same latency, above it is more latency at the same throughput. So the limit breathes around its centre, and two windows
 * that follow each other are compared: which part of the added concurrency became throughput? From that follows where the knee lies
 * between the two, and there the centre goes. No latency is remembered for long as the right one, so none can go stale: a baseline
 * that drifts makes the limit neither creep up nor sink to the bottom.
 */

/** How far the limit breathes around its centre, as a logarithm, while the centre holds, and at most, while it is far off. */
const CALM = 0.09;
const BOLD = 0.5;
/** Which part of the way to where a comparison found the knee the centre goes while it holds. */
const GAIN = 0.2;
/** How much one comparison counts for the trend, and how much when it contradicts a trend that is sure. */
const TREND = 0.22;
const CONTRADICTED = 0.4;
/** From which trend on the steps grow. */
const SURE = 0.5;
/** A window ends when the error of its mean latency is no larger than this, … */
const ERROR = 0.03;
/** … when it holds so many calls, or so many for each place of the limit, … */
const MOST = 4_000;
const TURNS = 100;
/** … but not before so many calls and milliseconds. */
const FEWEST = 200;
const SHORTEST = 100;
/** How uncertain a comparison may be to count half. */
const DOUBT = 0.5;
/** How much longer than expected calls must take, as a logarithm, to be taken for an overload at once. */
const SURPRISE = 0.25;
/** A call counts as no longer than so many times the mean of the window before. */
const OUTLIER = 10;
/** Which part of the calls may be dropped without a back-off, and how it goes when it is more. */
const DROPS = 0.05;
const BACK_OFF = 0.9;

/** What a {@link LimitFinder} knows. */
export interface LimitFinderStats {
  /** The limit now. */
  readonly limit: number;
  /** The concurrency around which the limit breathes: where the knee seems to be. */
  readonly centre: number;
  /** How long a call takes without a queue in the downstream, in milliseconds; 0 while that is not known. */
  readonly baselineMs: number;
  /** How long calls took in the last window, in milliseconds; 0 while there was none. */
  readonly recentMs: number;
  /** How many calls a second ended well in the last window. */
  readonly throughput: number;
  /** From −1, the downstream is overloaded, to 1, it can do more; about 0 when the limit fits. */
  readonly trend: number;
  /** How many windows have ended. */
  readonly windows: number;
}

/** Finds the limit of one pool from how its calls end, in fixed memory, at a fixed cost, told the time by its user. */
export class LimitFinder {
  readonly #min: number;
  readonly #max: number;
  #limit: number;
  #centre: number;
  #trend = 1;
  #baseline = 0;
  #recent = 0;
  #throughput = 0;
  #usualDrops = 0;
  #backedOffAt = Number.NEGATIVE_INFINITY;
  #windows = 0;

  // The window that is being filled.
  #settling = 0;
  #skipped = 0;
  #since = Number.NaN;
  #count = 0;
  #sum = 0;
  #squares = 0;
  #inFlight = 0;
  #full = 0;
  #drops = 0;

  // The window before, which the next is compared with: how many ran at once (0: none to compare with), how long, how fast, how sure.
  #lastInFlight = 0;
  #lastMean = 0;
  #lastRate = 0;
  #lastError = 0;

  /** All three are integers ≥ 1, `min` ≤ `initial` ≤ `max`; {@link adaptive} checks them. */
  constructor(options: { readonly min: number; readonly max: number; readonly initial: number }) {
    this.#min = options.min;
    this.#max = options.max;
    this.#limit = options.initial;
    this.#centre = options.initial;
  }

  /** How many calls may run at once now: an integer from `min` to `max`. */
  get limit(): number {
    return this.#limit;
  }

  /** What it knows now. */
  stats(): LimitFinderStats {
    return {
      limit: this.#limit,
      centre: this.#centre,
      baselineMs: this.#baseline,
      recentMs: this.#recent,
      throughput: this.#throughput,
      trend: this.#trend,
      windows: this.#windows,
    };
  }

  /**
   * A call has ended: after how long, how many were running then with itself, how, and when. `'dropped'` is a call that the downstream
   * could not serve (a timeout, 429, 503, a rejection); `'ignored'` says nothing about it (cancelled, failed before it was sent).
   */
  sample(durationMs: number, inFlight: number, outcome: 'success' | 'ignored' | 'dropped', now: number): void {
    if (outcome === 'ignored') return;
    if (outcome === 'dropped') {
      // What began before the last back-off is what it was for.
      if (now - durationMs < this.#backedOffAt) return;
      this.#drops++;
    } else if (this.#settling > 0) {
      // These still show the limit before.
      this.#settling--;
      this.#skipped++;
      this.#since = now;
      return;
    } else {
      const ms = this.#recent > 0 ? Math.min(durationMs, OUTLIER * this.#recent) : durationMs;
      this.#count++;
      this.#sum += ms;
      this.#squares += ms * ms;
      this.#inFlight += inFlight;
      if (inFlight >= this.#limit) this.#full++;
    }
    if (Number.isNaN(this.#since)) this.#since = now - durationMs;
    if (this.#isOver(now)) this.#evaluate(now);
  }

  #isOver(now: number): boolean {
    const calls = this.#count + this.#drops;
    const usual = this.#tolerated() * (calls + this.#skipped);
    // Not by chance: far more than could be usual.
    if (this.#drops > 4 + usual + 3 * Math.sqrt(usual)) return true;
    if (calls < FEWEST || calls < this.#limit || now - this.#since < SHORTEST) return false;
    if (calls >= 2 * this.#limit && calls >= Math.min(MOST, TURNS * this.#limit)) return true;
    return this.#count > 0 && this.#error() <= ERROR;
  }

  #tolerated(): number {
    return DROPS + 1.5 * this.#usualDrops;
  }

  /** The standard error of the mean latency of the window, as a part of it. */
  #error(): number {
    const mean = this.#sum / this.#count;
    if (mean <= 0) return 0;
    return Math.sqrt(Math.max(0, this.#squares / this.#count - mean * mean) / this.#count) / mean;
  }

  #evaluate(now: number): void {
    const count = this.#count;
    const dropped = this.#drops / (count + this.#skipped + this.#drops);
    const tooMany = dropped > this.#tolerated();
    const elapsed = now - this.#since;
    const inFlight = count > 0 ? this.#inFlight / count : 0;
    const mean = count > 0 ? this.#sum / count : 0;
    // A clock has no finer grain than this: a rate is a number.
    const rate = elapsed > 0 ? count / Math.max(elapsed, 1e-3) : 0;
    const error = count > 0 ? this.#error() : 0;
    const full = count > 0 && this.#full * 2 >= count;

    this.#windows++;
    this.#skipped = this.#count = this.#sum = this.#squares = this.#inFlight = this.#full = this.#drops = 0;
    this.#since = now;
    // Drops that no limit avoids become usual slowly; that they are gone is believed at once.
    const usual = this.#usualDrops;
    this.#usualDrops = dropped < usual / 2 ? dropped : usual + 0.2 * (dropped - usual);
    if (count > 0) {
      this.#recent = mean;
      this.#throughput = rate * 1000;
    }

    const lastInFlight = this.#lastInFlight;
    const lastMean = this.#lastMean;
    const lastRate = this.#lastRate;
    const lastError = this.#lastError;
    this.#lastInFlight = 0;
    if (tooMany) {
      this.#backOff(now);
      return;
    }
    if (mean <= 0 || rate <= 0) return;
    const comparable = lastInFlight > 0 && Math.abs(inFlight / lastInFlight - 1) > 0.01;
    if (full || (lastInFlight > 0 && inFlight > lastInFlight * 1.05)) {
      this.#lastInFlight = inFlight;
      this.#lastMean = mean;
      this.#lastRate = rate;
      this.#lastError = error;
      let bought = 0.5;
      if (comparable) {
        const span = Math.log(inFlight / lastInFlight);
        const byLatency = 1 - Math.log(mean / lastMean) / span;
        const byThroughput = Math.log(rate / lastRate) / span;
        // Which part of the added concurrency became throughput: all of it below the knee, nothing above.
        bought = Math.min(1, Math.max(0, (byLatency + byThroughput) / 2));
        const noise = Math.hypot(error, lastError) / Math.abs(span);
        const knee = Math.min(inFlight, lastInFlight) * Math.exp(Math.abs(span) * bought);
        this.#learnBaseline(inFlight < lastInFlight ? mean : lastMean, bought);
        this.#follow(bought, knee, 1 / (1 + (noise / DOUBT) ** 2));
        if (inFlight <= lastInFlight * 1.3) this.#lookForOverload(mean, Math.max(1, inFlight / this.#centre));
      } else if (this.#trend > SURE) {
        this.#centre = this.#limit;
      }
      // More was worth it, but nobody wants more.
      if (full || bought <= 0.5) this.#breathe();
    } else if (inFlight > this.#centre / 2 && this.#isSurprise(mean, 1)) {
      // The limit does not hold the demand back, and it is too much: from here on it does.
      this.#centre = Math.max(this.#min, inFlight);
      this.#trend = -1;
      this.#lastInFlight = inFlight;
      this.#lastMean = mean;
      this.#lastRate = rate;
      this.#lastError = error;
      this.#breathe();
    } else if (inFlight < this.#centre / 2) {
      this.#baseline = mean;
    }
  }

  #backOff(now: number): void {
    this.#centre = Math.max(this.#min, Math.min(this.#centre, this.#limit * BACK_OFF));
    this.#trend = 0;
    this.#backedOffAt = now;
    this.#set(Math.round(this.#centre));
  }

  #learnBaseline(mean: number, bought: number): void {
    if (this.#baseline === 0 || mean < this.#baseline) this.#baseline = mean;
    else if (bought >= 0.5) this.#baseline += (this.#boldness() > 0 ? 1 : 0.5) * (mean - this.#baseline);
  }

  /** Moves the trend and the centre by one comparison: little while they hold, far while all comparisons say the same. */
  #follow(bought: number, knee: number, trust: number): void {
    const says = 2 * bought - 1;
    const contradicted = says * this.#trend < 0 && this.#boldness() > 0;
    this.#trend += (contradicted ? CONTRADICTED : TREND) * trust * (says - this.#trend);
    const step = GAIN + (1 - GAIN) * this.#boldness();
    this.#centre = this.#within(this.#centre * (knee / this.#centre) ** step);
  }

  /** Calls that suddenly take far longer: perhaps an overload, so the next limit is far lower, and tells whether it was one. */
  #lookForOverload(mean: number, expected: number): void {
    if (this.#trend > -0.3 && this.#isSurprise(mean, expected)) this.#trend = -1;
  }

  #isSurprise(mean: number, expected: number): boolean {
    return this.#baseline > 0 && Math.log(mean / (this.#baseline * expected)) > SURPRISE;
  }

  /** How sure the trend is, from 0 to 1. */
  #boldness(): number {
    return Math.max(0, (Math.abs(this.#trend) - SURE) / (1 - SURE));
  }

  /** The next limit: on the other side of the centre, or further where the trend goes. */
  #breathe(): void {
    const breadth = Math.exp(CALM + (BOLD - CALM) * this.#boldness());
    let low = Math.max(this.#min, Math.round(this.#centre / breadth));
    const high = Math.min(this.#max, Math.max(low + 1, Math.round(this.#centre * breadth)));
    if (low === high && low > this.#min) low--;
    if (this.#trend > SURE && high > this.#limit) this.#set(high);
    else if (this.#trend < -SURE && low < this.#limit) this.#set(low);
    else this.#set(this.#limit > this.#centre || this.#limit >= high ? low : high);
  }

  #set(limit: number): void {
    const next = this.#within(limit);
    if (next === this.#limit) return;
    this.#settling = Math.max(next, this.#limit);
    this.#limit = next;
  }

  #within(limit: number): number {
    return Math.min(this.#max, Math.max(this.#min, limit));
  }
}
