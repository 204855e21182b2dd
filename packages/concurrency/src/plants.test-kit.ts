import { seededRandom } from '@sluice/core/testing';

// Simulated downstreams with a known capacity, for what finds limits: discrete events, the same for the same seed.

/** How a call of a simulated downstream ends. */
type Outcome = 'success' | 'ignored' | 'dropped';

/** What sets the limit while a plant runs. */
export interface Limiter {
  readonly limit: number;
  sample(durationMs: number, inFlight: number, outcome: Outcome, now: number): void;
  stats(): { readonly windows: number };
}

/** A downstream: so many servers before which calls queue, first come, first served. */
export interface Plant {
  /** How many calls it serves at once, at a time: its true capacity. */
  readonly capacity: (at: number) => number;
  /** How long serving one call takes that is begun at a time with so many calls there, in milliseconds. */
  readonly service: (at: number, random: () => number, inside: number) => number;
  /** From how many calls inside on it refuses the next, at once; never unless set. */
  readonly refusesAt?: number;
  /** How a call ends that was served; well unless set. */
  readonly outcome?: (at: number, random: () => number) => Outcome;
}

/** Who calls. */
export interface Demand {
  /** Closed loop: so many callers, each of which calls again as soon as its call has ended. */
  readonly callers?: (at: number) => number;
  /** Open loop: so many calls a second, whatever becomes of them. */
  readonly rate?: (at: number) => number;
}

/** How it stood when a window of the limiter ended. */
export interface Moment {
  readonly at: number;
  readonly limit: number;
  readonly capacity: number;
  readonly inFlight: number;
}

/** What a run of a plant showed. */
export interface Trace {
  /** One for each window of the limiter. */
  readonly moments: readonly Moment[];
  /** The largest limit there was at any time. */
  readonly highest: number;
  /** The smallest limit there was at any time. */
  readonly lowest: number;
  /** Calls that ended well, by how long they took, in milliseconds; only when they were to be kept. */
  readonly durations: readonly number[];
  /** How many calls ended well in a second. */
  readonly throughput: number;
  /** When it ended, in milliseconds. */
  readonly until: number;
}

/** How a plant is to run. */
export interface PlantRun {
  readonly seed: number;
  readonly plant: Plant;
  readonly demand: Demand;
  readonly limiter: Limiter;
  /** After how many windows it ends; none unless set. */
  readonly windows?: number;
  /** After how many milliseconds it ends; none unless set. */
  readonly until?: number;
  /** From when on durations and throughput are taken, in milliseconds; 0 unless set, and durations are kept only when it is. */
  readonly measureFrom?: number;
}

interface InService {
  readonly endsAt: number;
  readonly startedAt: number;
  readonly refused: boolean;
}

/** How long a refusal takes, in milliseconds. */
const REFUSAL = 1;
/** How many calls may wait for the limit in an open loop; more are lost. */
const WAITING = 10_000;

/** Runs a plant until so many windows or milliseconds are over. */
export function runPlant(run: PlantRun): Trace {
  const { plant, demand, limiter, measureFrom, windows = Number.POSITIVE_INFINITY } = run;
  const until = run.until ?? Number.POSITIVE_INFINITY;
  const random = seededRandom(run.seed);
  const served = new Earliest();
  const queue: number[] = [];
  let head = 0;
  let serving = 0;
  let inFlight = 0;
  let waiting = 0;
  let now = 0;
  let nextArrival = demand.rate === undefined ? Number.POSITIVE_INFINITY : exponential(random, 1000 / demand.rate(0));
  const moments: Moment[] = [];
  const durations: number[] = [];
  let ended = 0;
  let highest = limiter.limit;
  let lowest = limiter.limit;

  const serve = (): void => {
    while (head < queue.length && serving < Math.floor(plant.capacity(now))) {
      const startedAt = queue[head++] as number;
      serving++;
      const endsAt = now + plant.service(now, random, serving + queue.length - head);
      served.add({ endsAt, startedAt, refused: false });
    }
    if (head > 1_024 && head * 2 > queue.length) {
      queue.splice(0, head);
      head = 0;
    }
  };
  const admit = (): void => {
    const wanted = demand.callers === undefined ? Number.POSITIVE_INFINITY : demand.callers(now);
    while (inFlight < limiter.limit && inFlight < wanted && (demand.rate === undefined || waiting > 0)) {
      if (demand.rate !== undefined) waiting--;
      const inside = serving + queue.length - head;
      inFlight++;
      if (inside >= (plant.refusesAt ?? Number.POSITIVE_INFINITY)) {
        served.add({ endsAt: now + REFUSAL, startedAt: now, refused: true });
      } else {
        queue.push(now);
        serve();
      }
    }
  };

  admit();
  while (now < until && moments.length < windows) {
    const next = served.first;
    if (next === undefined || nextArrival < next.endsAt) {
      if (nextArrival === Number.POSITIVE_INFINITY) throw new Error('nobody calls');
      now = nextArrival;
      waiting = Math.min(WAITING, waiting + 1);
      nextArrival = now + exponential(random, 1000 / (demand.rate?.(now) ?? 1));
    } else {
      served.take();
      now = next.endsAt;
      if (!next.refused) serving--;
      const outcome = next.refused ? 'dropped' : (plant.outcome?.(now, random) ?? 'success');
      limiter.sample(now - next.startedAt, inFlight, outcome, now);
      if (limiter.limit > highest) highest = limiter.limit;
      if (limiter.limit < lowest) lowest = limiter.limit;
      inFlight--;
      if (outcome === 'success' && now >= (measureFrom ?? 0)) {
        ended++;
        if (measureFrom !== undefined) durations.push(now - next.startedAt);
      }
      while (moments.length < limiter.stats().windows) {
        moments.push({ at: now, limit: limiter.limit, capacity: plant.capacity(now), inFlight });
      }
      serve();
    }
    admit();
  }
  const seconds = (now - (measureFrom ?? 0)) / 1000;
  return { moments, highest, lowest, durations, throughput: ended / seconds, until: now };
}

/** Calls in service, of which the one that ends first comes first: a binary heap. */
class Earliest {
  readonly #heap: InService[] = [];

  get first(): InService | undefined {
    return this.#heap[0];
  }

  add(call: InService): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as InService;
      if (parent.endsAt <= call.endsAt) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = call;
  }

  take(): void {
    const heap = this.#heap;
    const last = heap.pop() as InService;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && (heap[below + 1] as InService).endsAt < (heap[below] as InService).endsAt) below++;
      if ((heap[below] as InService).endsAt >= last.endsAt) break;
      heap[at] = heap[below] as InService;
      at = below;
    }
    heap[at] = last;
  }
}

/** A duration with the given mean, as likely to end at any time as at any other. */
function exponential(random: () => number, mean: number): number {
  return -mean * Math.log(1 - random());
}

/** A duration with the given mean that varies by half of it: never shorter than half of the mean, with a tail. */
export function jittered(random: () => number, mean: number): number {
  return mean / 2 + exponential(random, mean / 2);
}

/** A duration of 10 ms nine times of ten, and of 200 ms else: two sorts of calls behind one limit. */
function bimodal(random: () => number): number {
  return random() < 0.9 ? 10 : 200;
}

/** A plant, who calls it, and for how long, in milliseconds. */
export interface Scene {
  readonly plant: Plant;
  readonly demand: Demand;
  readonly until: number;
}

/** More callers than any limit lets through. */
export const BUSY: Demand = { callers: () => 5_000 };

const steady = (ms: number) => (_at: number, random: () => number) => jittered(random, ms);

/** Capacity 100, from 30 s on 50, from 60 s on 100 again. */
export const step: Scene = {
  plant: { capacity: (at) => (at < 30_000 || at >= 60_000 ? 100 : 50), service: steady(20) },
  demand: BUSY,
  until: 90_000,
};

/** Capacity that wanders slowly between 50 and 150. */
export const capacityDrift: Scene = {
  plant: { capacity: (at) => Math.round(100 + 50 * Math.sin(at / 40_000)), service: steady(20) },
  demand: BUSY,
  until: 150_000,
};

/** Capacity 80, and calls that take 20 ms at first and a hundred at last. */
export const latencyDrift: Scene = {
  plant: {
    capacity: () => 80,
    service: (at, random) => jittered(random, 20 * 5 ** Math.min(1, at / 120_000)),
  },
  demand: BUSY,
  until: 150_000,
};

/** Capacity 60, nine calls of ten take 10 ms, the tenth 200. */
export const twoSorts: Scene = {
  plant: { capacity: () => 60, service: (_at, random) => bimodal(random) },
  demand: BUSY,
  until: 120_000,
};

/** Capacity 60, plenty of callers at first, five from 20 s to 80 s, then plenty again. */
export const lowTraffic: Scene = {
  plant: { capacity: () => 60, service: steady(20) },
  demand: { callers: (at) => (at < 20_000 || at >= 80_000 ? 5_000 : 5) },
  until: 110_000,
};

/** Capacity 60, and calls that come by themselves, a twentieth more than can be served. */
export const mildOverload: Scene = {
  plant: { capacity: () => 60, service: steady(20) },
  demand: { rate: () => 3_150 },
  until: 60_000,
};

/** One point of a degradation curve. */
export interface CurvePoint {
  readonly concurrency: number;
  /** Calls a second. */
  readonly throughput: number;
  /** Half of the calls took no longer, in milliseconds. */
  readonly p50: number;
  /** Of a hundred calls, 99 took no longer, in milliseconds. */
  readonly p99: number;
}

/** A tool that serves 50 calls at once, 20 ms each, and is slowed down by those that wait: one part in 2,000 for each. */
const degradingTool: Plant = {
  capacity: () => 50,
  service: (_at, random, inside) => jittered(random, 20) * (1 + Math.max(0, inside - 50) / 2_000),
};

const CURVE = [1, 2, 5, 10, 20, 30, 40, 50, 60, 80, 100, 150, 200, 300, 500, 700, 1_000];

/** Throughput and latency of {@link degradingTool} at fixed concurrencies, and, last, under the given limiter. */
export function degradationCurve(seed: number, adaptive: Limiter): { points: CurvePoint[]; found: CurvePoint } {
  const measure = (limiter: Limiter): CurvePoint => {
    const trace = runPlant({
      seed,
      plant: degradingTool,
      demand: BUSY,
      limiter,
      until: 12_000,
      measureFrom: 6_000,
    });
    const sorted = Float64Array.from(trace.durations).sort();
    const at = (part: number): number => sorted[Math.floor(part * (sorted.length - 1))] ?? 0;
    const late = trace.moments.slice(-20);
    const concurrency = late.length === 0 ? limiter.limit : late.reduce((sum, m) => sum + m.limit, 0) / late.length;
    return { concurrency, throughput: trace.throughput, p50: at(0.5), p99: at(0.99) };
  };
  return { points: CURVE.map((limit) => measure(fixed(limit))), found: measure(adaptive) };
}

/** A limit that stays what it is. */
function fixed(limit: number): Limiter {
  return { limit, sample() {}, stats: () => ({ windows: 0 }) };
}
