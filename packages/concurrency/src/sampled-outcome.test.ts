import { CancelledError, QueueFullError, TimeoutError } from '@sluice/core';
import { expect, it } from 'vitest';
import { sampledOutcome } from './sampled-outcome.ts';

const hostile = new Proxy(
  {},
  {
    get() {
      throw new Error('no');
    },
  },
);

it.each([
  ['a success', 'ok', undefined, 'success'],
  ['a timeout, whoever says so', 'timeout', new TimeoutError('late'), 'dropped'],
  ['a cancellation', 'cancelled', new CancelledError('stop'), 'ignored'],
  ['one that was skipped', 'skipped', undefined, 'ignored'],
  ['an ordinary failure', 'failed', new Error('broken'), 'ignored'],
  ['a failure that is no Error', 'failed', undefined, 'ignored'],
  ['a failure that throws when it is looked at', 'failed', hostile, 'ignored'],
  ['429', 'failed', { status: 429 }, 'dropped'],
  ['503', 'failed', { status: 503 }, 'dropped'],
  ['529', 'failed', { status: 529 }, 'dropped'],
  ['503 as statusCode', 'failed', { statusCode: 503 }, 'dropped'],
  ['500', 'failed', { status: 500 }, 'ignored'],
  ['a local rejection', 'failed', new QueueFullError('full'), 'ignored'],
] as const)('%s', (_, status, error, outcome) => {
  expect(sampledOutcome(status, error)).toBe(outcome);
});
