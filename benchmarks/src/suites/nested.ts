import { tool, withContext, wrap } from '@sluice/core';
import { passThrough, several } from '../interceptors.ts';
import { kindsOfWork } from '../kinds-of-work.ts';
import { calls } from '../measure.ts';
import type { Suite } from '../part.ts';

const { work } = kindsOfWork.promise;
const inner = tool('inner', {}, work);
const outer = withContext(async (context) => await context.call(inner));

export const nested: Suite = {
  name: 'nested',
  about: 'Work that calls a tool through its context: a part of its own call, which ends with it.',
  parts: [
    calls({
      name: 'promise',
      bare: 'bare',
      baseline: 'two calls, not nested',
      cases() {
        const separate = wrap(work);
        return {
          bare: async () => await work(),
          'two calls, not nested': wrap(async () => await separate()),
          'sluice, empty': wrap(outer),
          'sluice, 5 pass-throughs each': wrap(outer, several(5, passThrough)),
        };
      },
    }),
  ],
};
