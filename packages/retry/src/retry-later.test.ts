import { type Call, NonErrorThrownError, retryAfterMs } from '@sluice/core';
import { expect, it } from 'vitest';
import { classify } from './classify.ts';
import { retryLater } from './retry-later.ts';
import { retryOn } from './retry-on.ts';

it.each([
  [undefined, undefined, 'It asks to be tried again'],
  [{}, undefined, 'It asks to be tried again'],
  [{ after: 250 }, 250, 'It asks to be tried again in 250 ms'],
  [{ after: '2s' }, 2_000, 'It asks to be tried again in 2000 ms'],
  [{ after: 0 }, 0, 'It asks to be tried again in 0 ms'],
  [{ after: '1m', reason: 'not ready' }, 60_000, 'not ready'],
] as const)('%o asks for another attempt', (options, ms, message) => {
  const error = retryLater(options);
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name: 'RetryLaterError', retryable: true, message });
  expect(retryAfterMs(error)).toBe(ms);
  expect(classify(error, {} as Call, retryOn.defaults).again).toBe(true);
});

it('is still heard through an error around it', () => {
  const error = new NonErrorThrownError('x', { cause: new Error('y', { cause: retryLater({ after: 5 }) }) });
  expect([retryOn.defaults(error), retryAfterMs(error)]).toEqual([true, 5]);
});

it.each<[string, unknown]>([
  ['retryLater.after', { after: 'soon' }],
  ['retryLater.after', { after: -1 }],
  ['retryLater.after', { after: 'none' }],
  ['retryLater.reason', { reason: 5 }],
  ['retryLater.aftr', { aftr: 5 }],
  ['retryLater', '2s'],
])('what is wrong with it is a ConfigError, which nobody repeats: %s', (path, options) => {
  let thrown: unknown;
  try {
    retryLater(options as never);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code: 'CONFIG', issues: [{ path }] });
  expect(retryOn.defaults(thrown)).toBe(false);
});
