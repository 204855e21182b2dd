import { wrap } from '@sluice/core';
import pTimeout from 'p-timeout';
import { defer, firstValueFrom, timeout } from 'rxjs';
import { byHand } from '../by-hand.ts';
import { bounded, passThrough } from '../interceptors.ts';
import { type KindOfWork, kindsOfWork } from '../kinds-of-work.ts';
import { type Cases, calls } from '../measure.ts';
import type { Figures, Suite } from '../part.ts';

const LIMIT = 30_000;

function cases({ work, rx }: KindOfWork): Cases {
  const observable = defer(rx).pipe(timeout(LIMIT));
  return {
    bare: work,
    'timer alone': () => clearTimeout(setTimeout(() => {}, LIMIT)),
    'by hand': () => byHand(work, LIMIT),
    'p-timeout': () => pTimeout(Promise.resolve(work()), { milliseconds: LIMIT }),
    'rxjs timeout': () => firstValueFrom(observable),
    'sluice, pass-through': wrap(work, passThrough(0)),
    'sluice, within': wrap(work, bounded(LIMIT)),
  };
}

function alone(figures: Figures): Figures {
  const cost = (row: string) => figures[row] ?? Number.NaN;
  return {
    'of this, the deadline': cost('sluice, within') - cost('sluice, pass-through'),
    'of "timer alone", the timer': cost('timer alone') - cost('bare'),
  };
}

export const deadline: Suite = {
  name: 'deadline',
  about: 'A deadline of 30 s that does not pass. "By hand" is Promise.race with setTimeout and clearTimeout.',
  parts: [
    calls({
      name: 'sync',
      bare: 'bare',
      baseline: 'by hand',
      cases: () => cases(kindsOfWork.sync),
      derive: alone,
    }),
    calls({
      name: 'promise',
      bare: 'bare',
      baseline: 'by hand',
      cases: () => cases(kindsOfWork.promise),
      derive: alone,
    }),
  ],
};
