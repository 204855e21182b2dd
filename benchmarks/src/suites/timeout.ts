import { type Context, type Plugin, withContext, wrap } from '@sluice/core';
import { heartbeat, timeout } from '@sluice/timeout';
import * as cockatiel from 'cockatiel';
import pTimeout from 'p-timeout';
import { defer, firstValueFrom, timeout as rxTimeout } from 'rxjs';
import { byHand } from '../by-hand.ts';
import { hang, heldBy } from '../held.ts';
import { passThrough, several } from '../interceptors.ts';
import { type KindOfWork, kindsOfWork } from '../kinds-of-work.ts';
import { type Cases, calls } from '../measure.ts';
import { median } from '../median.ts';
import type { Effort, Figures, Part, Suite } from '../part.ts';

const LIMIT = 30_000;
const HOUR = 3_600_000;
const BEATS = 1_000_000;

const both = () => timeout({ total: LIMIT, attempt: LIMIT / 2 });

function cases({ work, rx }: KindOfWork): Cases {
  const observable = defer(rx).pipe(rxTimeout(LIMIT));
  const policy = cockatiel.timeout(LIMIT, cockatiel.TimeoutStrategy.Aggressive);
  return {
    bare: work,
    'setTimeout + clearTimeout': () => clearTimeout(setTimeout(() => {}, LIMIT)),
    'by hand': () => byHand(work, LIMIT),
    'p-timeout': () => pTimeout(Promise.resolve(work()), { milliseconds: LIMIT }),
    cockatiel: () => policy.execute(work),
    'rxjs timeout': () => firstValueFrom(observable),
    'sluice, 2 pass-throughs': wrap(work, several(2, passThrough)),
    'sluice, timeout': wrap(work, timeout(LIMIT)),
    'sluice, total + attempt': wrap(work, both()),
  };
}

function alone(figures: Figures): Figures {
  return {
    'of these, the timer': difference(figures, 'setTimeout + clearTimeout', 'bare'),
    'the timeout': difference(figures, 'sluice, timeout', 'sluice, 2 pass-throughs'),
    'total + attempt': difference(figures, 'sluice, total + attempt', 'sluice, 2 pass-throughs'),
  };
}

function around(kind: 'sync' | 'promise' | 'asynchronous'): Part {
  return calls({
    name: kind,
    bare: 'bare',
    baseline: 'by hand',
    cases: () => cases(kindsOfWork[kind]),
    derive: alone,
  });
}

function beating(): Cases {
  const asks = withContext(async () => 42);
  const beats = withContext(async (context) => {
    context.heartbeat();
    return 42;
  });
  const all = (): [Plugin, Plugin] => [both(), heartbeat(LIMIT / 3)];
  return {
    'sluice, pass-through': wrap(asks, passThrough(0)),
    'heartbeat, unused': wrap(asks, heartbeat(LIMIT / 3)),
    'heartbeat, a beat': wrap(beats, heartbeat(LIMIT / 3)),
    'total + attempt + heartbeat, unused': wrap(asks, ...all()),
    'total + attempt + heartbeat, a beat': wrap(beats, ...all()),
  };
}

function aloneOfBeats(figures: Figures): Figures {
  return {
    'of these, the unused heartbeat': difference(figures, 'heartbeat, unused', 'sluice, pass-through'),
    'the beat': difference(figures, 'heartbeat, a beat', 'heartbeat, unused'),
  };
}

/** What keeps a watchdog away: a function to be called a million times, and one for the end. */
type Watchdog = () => { beat(): void; end(): void };

const watchdogs: Readonly<Record<string, Watchdog>> = {
  'timer.refresh()': () => {
    const timer = setTimeout(() => {}, LIMIT);
    return { beat: () => void timer.refresh(), end: () => clearTimeout(timer) };
  },
  'clearTimeout + setTimeout': () => {
    let timer = setTimeout(() => {}, LIMIT);
    const beat = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {}, LIMIT);
    };
    return { beat, end: () => clearTimeout(timer) };
  },
};

function byWatchdog(make: Watchdog): void {
  const { beat, end } = make();
  for (let index = 0; index < BEATS; index++) beat();
  end();
}

/** What a beat costs among a million in one call, by the clock, in nanoseconds. */
async function manyBeats({ rounds }: Effort): Promise<Figures> {
  const beatOn = (details: (index: number) => unknown) =>
    withContext(async (context: Context) => {
      for (let index = 0; index < BEATS; index++) context.heartbeat(details(index));
    });
  const plain = beatOn(() => undefined);
  const ways: Cases = {
    ...Object.fromEntries(Object.entries(watchdogs).map(([name, make]) => [name, () => byWatchdog(make)])),
    'sluice, no limit': wrap(plain, heartbeat()),
    'sluice, heartbeat': wrap(plain, heartbeat(LIMIT)),
    'sluice, total + attempt + heartbeat': wrap(plain, both(), heartbeat(LIMIT / 3)),
    'sluice, heartbeat with details': wrap(
      beatOn((at) => ({ at })),
      heartbeat(LIMIT),
    ),
  };
  const costs = Object.entries(ways).map(([name, run]) => ({ name, run, found: [] as number[] }));
  // The first round is a warm-up.
  for (let round = 0; round <= Math.ceil(rounds / 5); round++) {
    for (const { run, found } of costs) {
      const start = performance.now();
      await run();
      if (round > 0) found.push(performance.now() - start);
    }
  }
  return Object.fromEntries(costs.map(({ name, found }) => [name, (median(found) * 1e6) / BEATS]));
}

async function pending(): Promise<Figures> {
  const policy = cockatiel.timeout(HOUR, cockatiel.TimeoutStrategy.Aggressive);
  const figures = await heldBy({
    bare: hang,
    'by hand, with a timer': () => byHand(hang, HOUR),
    'p-timeout': () => pTimeout(hang(), { milliseconds: HOUR }),
    cockatiel: () => policy.execute(hang),
    'sluice, pass-through': wrap(hang, passThrough(0)),
    'sluice, timeout': wrap(hang, timeout(HOUR)),
    'sluice, total + attempt': wrap(hang, timeout({ total: HOUR, attempt: HOUR / 2 })),
    'sluice, heartbeat': wrap(hang, heartbeat(HOUR)),
  });
  return {
    ...figures,
    'of these, the timeout': difference(figures, 'sluice, timeout', 'sluice, pass-through'),
    'total + attempt': difference(figures, 'sluice, total + attempt', 'sluice, pass-through'),
    'the heartbeat': difference(figures, 'sluice, heartbeat', 'sluice, pass-through'),
  };
}

function difference(figures: Figures, row: string, from: string): number {
  return (figures[row] ?? Number.NaN) - (figures[from] ?? Number.NaN);
}

export const timeouts: Suite = {
  name: 'timeout',
  about:
    'Timeouts and heartbeats that are armed and called off. "By hand" is Promise.race with setTimeout and clearTimeout.',
  parts: [
    around('sync'),
    around('promise'),
    around('asynchronous'),
    calls({
      name: 'heartbeat',
      bare: 'sluice, pass-through',
      baseline: 'heartbeat, unused',
      cases: beating,
      derive: aloneOfBeats,
    }),
    { name: 'a million beats', unit: 'ns', baseline: 'timer.refresh()', measure: manyBeats },
    {
      name: 'pending',
      unit: 'bytes',
      bare: 'bare',
      baseline: 'by hand, with a timer',
      measure: pending,
    },
  ],
};
