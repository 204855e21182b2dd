import { type Context, createRunner, isSluiceError, type SluiceEvent, tool } from '@sluice/core';
import { type Simulation, simulate } from '@sluice/core/testing';
import { expect, it } from 'vitest';
import { timeout } from '../../timeout/src/timeout.ts';
import { silent } from './acceptance.test-kit.ts';
import { adaptive, concurrency } from './index.ts';

/** How often each thing happened, so that nothing of this goes untried. */
const seen: Record<string, number> = {};
const note = (what: string): void => {
  seen[what] = (seen[what] ?? 0) + 1;
};
const WANTED = 'ok TIMEOUT CANCELLED QUEUE_FULL QUEUE_TIMEOUT failed deaf nested waited alone heavy resized'.split(' ');

it('4,200 simulated calls, heavy ones and ones that must be alone among them: the limit holds, and nothing is lost', async () => {
  const { runs } = await simulate({ runs: 300, program: (simulation) => program(simulation, 14, 120, false) });
  if (process.env['SLUICE_SEED'] !== undefined) return;
  expect(runs).toBe(300);
  expect(WANTED.filter((what) => (seen[what] ?? 0) < 20)).toEqual([]);
}, 300_000);

it('12,000 such calls under limits that are found: no more begins than the limit allows by then', async () => {
  const { runs } = await simulate({ runs: 12, program: (simulation) => program(simulation, 1_000, 4_000, true) });
  if (process.env['SLUICE_SEED'] !== undefined) return;
  expect(runs).toBe(12);
  expect(seen['moved']).toBeGreaterThan(6);
}, 300_000);

interface Asked {
  readonly weight: number;
  readonly alone: boolean;
  readonly priority: number;
  /** What it was called in. */
  readonly around: Work | undefined;
}

/** A work that really goes on, and for what it was called. */
interface Work extends Asked {
  /** It does nothing itself: it waits for what it has called. */
  waits: boolean;
}

/** What really goes on, told by the works themselves. */
class Watch {
  readonly breaches: string[] = [];
  readonly limit: () => number;
  readonly #going = new Set<Work>();

  constructor(limit: () => number) {
    this.limit = limit;
  }

  get going(): number {
    return this.#going.size;
  }

  begin(work: Work): void {
    const others = [...this.#going].filter((one) => !one.waits);
    const outside = [...this.#going].filter((one) => !isAround(work, one));
    if (work.alone && others.length > 0) this.breaches.push(`one that must be alone began beside ${others.length}`);
    if (outside.some(({ alone }) => alone)) this.breaches.push('one began beside one that must be alone');
    // What is inside of another goes on with its permits, or with as many of its own.
    const held = others.reduce((sum, { weight }) => sum + weight, 0);
    if (work.around === undefined && held > 0 && held + work.weight > this.limit()) {
      this.breaches.push(`${work.weight} began beside ${held} of ${this.limit()}`);
    }
    this.#going.add(work);
  }

  end(work: Work): void {
    this.#going.delete(work);
  }
}

function isAround(inner: Work, one: Work): boolean {
  for (let { around } = inner; around !== undefined; around = around.around) if (around === one) return true;
  return false;
}

async function program(simulation: Simulation, count: number, withinMs: number, found: boolean): Promise<() => void> {
  const { clock, integer, chance, pick } = simulation;
  const most = found ? 40 : integer(1, 5);
  const initial = integer(1, most);
  const plugin = concurrency({
    limit: found ? adaptive({ min: 1, max: most, initial }) : most,
    weight: ({ input }) => (input as Asked).weight,
    exclusive: ({ input }) => (input as Asked).alone,
    priority: ({ input }) => (input as Asked).priority,
    queue: {
      max: pick([4, 100]),
      ...(chance(0.3) ? { timeout: integer(20, 150) } : {}),
      order: pick(['fifo', 'lifo']),
    },
    ageing: pick<number | 'none'>([20, 'none']),
    orphanLease: 'none',
    ...(chance(0.3) ? { fair: { by: ({ input }) => String((input as Asked).priority), share: Number } } : {}),
  });
  // It may sink below what goes on: what has begun is not called back.
  const watch = new Watch(() => plugin.stats().limit);
  const use = [...timeout({ total: 250, attempt: integer(30, 120) }), plugin];
  const runner = createRunner({ clock, grace: integer(0, 20), use, logger: silent });
  const events: SluiceEvent[] = [];
  runner.events$.subscribe((event) => events.push(event));
  const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const stop = (): void => reject(signal?.reason);
      if (signal?.aborted === true) return void stop();
      clock.schedule(ms, () => {
        signal?.removeEventListener('abort', stop);
        resolve();
      });
      signal?.addEventListener('abort', stop, { once: true });
    });
  const asked = (around: Work | undefined): Asked => {
    const alone = chance(0.15);
    const weight = pick([1, 1, 1, 2, 3]);
    if (alone) note('alone');
    if (weight > 1) note('heavy');
    return { weight: around === undefined ? weight : 1, alone, priority: integer(1, 3), around };
  };
  const perform = async (input: Asked, depth: number, { signal, call }: Context): Promise<void> => {
    const work: Work = { ...input, waits: false };
    watch.begin(work);
    try {
      const deaf = chance(0.3);
      if (deaf) note('deaf');
      await sleep(integer(0, 50), deaf ? undefined : signal);
      if (depth > 0 && chance(0.5)) {
        note('nested');
        work.waits = true;
        const target = depth > 1 ? middle : leaf;
        await Promise.allSettled(Array.from({ length: integer(1, 3) }, () => call(target, asked(work))));
        work.waits = false;
      }
      if (chance(0.15)) throw new Error('no');
    } finally {
      watch.end(work);
    }
  };
  const leaf = tool('leaf', {}, (input: Asked, context: Context) => perform(input, 0, context));
  const middle = tool('middle', {}, (input: Asked, context: Context) => perform(input, 1, context));
  const outer = tool('outer', {}, (input: Asked, context: Context) => perform(input, 2, context));

  if (!found && chance(0.3)) {
    clock.schedule(integer(1, 120), () => {
      note('resized');
      plugin.setLimit(integer(1, 5));
    });
  }
  let answers = 0;
  const calls = Array.from({ length: count }, async () => {
    await sleep(integer(0, withinMs));
    const controller = new AbortController();
    const stop = clock.schedule(chance(0.2) ? integer(0, 80) : 1_000, () => controller.abort(new Error('outer')));
    const deadline = chance(0.3) ? integer(5, 150) : ('none' as const);
    const call = runner.call(pick([leaf, leaf, middle, outer]), asked(undefined), {
      deadline,
      signal: controller.signal,
    });
    await call.then(
      () => note('ok'),
      (error: unknown) => note(isSluiceError(error) ? error.code : 'failed'),
    );
    answers++;
    stop();
  });
  await Promise.all(calls);
  return () => {
    expect(answers).toBe(count);
    expect(watch.breaches).toEqual([]);
    expect(watch.going).toBe(0);
    const stats = plugin.stats();
    expect(stats).toMatchObject({ active: 0, queued: 0, oldestWaitMs: 0, orphans: 0 });
    if (found && stats.limit !== initial) note('moved');
    const told = (type: string): number => events.filter((event) => event.type === type).length;
    if (told('queue.enter') > 0) note('waited');
    expect(told('queue.leave')).toBe(told('queue.enter'));
    expect(told('tool.end')).toBe(told('tool.start'));
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
  };
}
