import { createRunner, systemClock, wrap } from '@sluice/core';
import { hang, heldBy } from '../held.ts';
import { bounded, passThrough, several } from '../interceptors.ts';
import { kindsOfWork } from '../kinds-of-work.ts';
import { calls } from '../measure.ts';
import type { Figures, Suite } from '../part.ts';

const LIMIT = 600_000;

/** Calls around which so many others are in flight, on a clock of their own, so that the cases can take turns. */
function among(others: number): () => Promise<unknown> {
  const runner = createRunner({ use: [bounded(LIMIT)], clock: { ...systemClock } });
  const hanging = runner.wrap(hang);
  for (let index = 0; index < others; index++) hanging();
  return runner.wrap(kindsOfWork.promise.work);
}

function byHand(): Promise<unknown> {
  const expired = new Promise<never>((_, reject) => setTimeout(reject, LIMIT));
  return Promise.race([hang(), expired]);
}

function bytes(): Promise<Figures> {
  return heldBy({
    bare: hang,
    'by hand, with a timer': byHand,
    'sluice, 5 pass-throughs': wrap(hang, several(5, passThrough)),
    'sluice, within': wrap(hang, bounded(LIMIT)),
  });
}

export const inFlight: Suite = {
  name: 'in-flight',
  about: 'What a call under a deadline costs while others are in flight, and how many bytes each of those holds.',
  parts: [
    calls({
      name: 'cost',
      bare: 'bare',
      baseline: 'among 0',
      cases: () => ({
        bare: kindsOfWork.promise.work,
        'among 0': among(0),
        'among 1,000': among(1_000),
        'among 100,000': among(100_000),
      }),
    }),
    {
      name: 'held',
      unit: 'bytes',
      bare: 'bare',
      baseline: 'by hand, with a timer',
      measure: bytes,
    },
  ],
};
