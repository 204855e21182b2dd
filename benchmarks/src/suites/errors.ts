import { wrap } from '@sluice/core';
import { passThrough, several } from '../interceptors.ts';
import { calls } from '../measure.ts';
import type { Suite } from '../part.ts';
import { promiseOnion } from '../promise-onion.ts';

const failure = new Error('as expected');
const reject = async () => {
  throw failure;
};

/** Awaits what rejects, and catches it. */
function caught(work: () => unknown): () => Promise<void> {
  return async () => {
    try {
      await work();
    } catch (error) {
      if (error !== failure) throw error;
    }
  };
}

export const errors: Suite = {
  name: 'errors',
  about: 'Work that rejects, with an error made beforehand; the caller catches it.',
  parts: [
    calls({
      name: 'rejection',
      bare: 'bare',
      baseline: 'onion of 5',
      cases: () => ({
        bare: caught(reject),
        'onion of 5': caught(promiseOnion(5, reject)),
        'sluice, empty': caught(wrap(reject)),
        'sluice, 5 pass-throughs': caught(wrap(reject, several(5, passThrough))),
      }),
    }),
  ],
};
