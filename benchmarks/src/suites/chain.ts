import { wrap } from '@sluice/core';
import { defer, firstValueFrom, map, toArray } from 'rxjs';
import { operator, passThrough, several } from '../interceptors.ts';
import { type KindOfWork, kindsOfWork } from '../kinds-of-work.ts';
import { type Cases, calls } from '../measure.ts';
import type { Figures, Suite } from '../part.ts';
import { promiseOnion } from '../promise-onion.ts';

const same = map((value) => value);

function cases({ work, bare, rx }: KindOfWork, streams: boolean): Cases {
  const byHand = defer(rx).pipe(same, same, same, same, same);
  const observable = streams ? byHand.pipe(toArray()) : byHand;
  return {
    bare,
    'onion of 5': promiseOnion(5, bare),
    'rxjs map x 5': () => firstValueFrom(observable),
    'sluice, empty': wrap(work),
    'sluice, 1 pass-through': wrap(work, several(1, passThrough)),
    'sluice, 5 pass-throughs': wrap(work, several(5, passThrough)),
    'sluice, 10 pass-throughs': wrap(work, several(10, passThrough)),
    'sluice, 1 rxjs operator': wrap(work, several(1, operator)),
    'sluice, 5 rxjs operators': wrap(work, several(5, operator)),
  };
}

function prices(figures: Figures): Figures {
  const cost = (row: string) => figures[row] ?? Number.NaN;
  return {
    'of these, per pass-through': (cost('sluice, 10 pass-throughs') - cost('sluice, empty')) / 10,
    'of these, per rxjs operator': (cost('sluice, 5 rxjs operators') - cost('sluice, 5 pass-throughs')) / 5,
  };
}

export const chain: Suite = {
  name: 'chain',
  about: 'Interceptors that add nothing, around work of every form. A stream has 100 items.',
  parts: Object.entries(kindsOfWork).map(([name, kind]) =>
    calls({
      name,
      bare: 'bare',
      baseline: 'onion of 5',
      cases: () => cases(kind, name === 'stream'),
      derive: prices,
    }),
  ),
};
