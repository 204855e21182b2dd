import { type Call, defineInterceptor, Place, wrap } from '@sluice/core';
import { passThrough } from '../interceptors.ts';
import { kindsOfWork } from '../kinds-of-work.ts';
import { calls } from '../measure.ts';
import type { Suite } from '../part.ts';

const tell = () => {};

function hooking(register: (call: Call) => void) {
  return defineInterceptor({
    name: 'hooking',
    priority: Place.observe,
    intercept(call, next) {
      register(call);
      return next(call);
    },
  });
}

export const hooks: Suite = {
  name: 'hooks',
  about: 'An interceptor that asks to be told of the end, around a promise.',
  parts: [
    calls({
      name: 'promise',
      bare: 'bare',
      baseline: 'sluice, pass-through',
      cases() {
        const { work } = kindsOfWork.promise;
        return {
          bare: work,
          'sluice, pass-through': wrap(work, passThrough(0)),
          'sluice, onEnd': wrap(
            work,
            hooking((call) => call.onEnd(tell)),
          ),
          'sluice, onSettled': wrap(
            work,
            hooking((call) => call.onSettled(tell)),
          ),
          'sluice, both': wrap(work, hooking(both)),
        };
      },
    }),
  ],
};

function both(call: Call): void {
  call.onEnd(tell);
  call.onSettled(tell);
}
