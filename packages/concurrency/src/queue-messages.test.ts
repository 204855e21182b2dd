import type { Call } from '@sluice/core';
import { expect, it } from 'vitest';
import { queueFull, queueHopeless, queueTimedOut, turnedAway } from './queue-errors.ts';
import { rateLimited } from './rate-error.ts';
import type { RateFields } from './rate-limit-options.ts';

const call = { target: 'tool', name: 'search', attempt: 1, runId: 'r1', priority: 0 } as Call;
const fields = { rates: { requests: { limit: 3, perMs: 1_000 } } } as unknown as RateFields;

it('what is said of one is said in the singular', () => {
  expect(queueFull(call, 'all', 1, 1, undefined).message).toContain('1 call waits for pool "all" already');
  expect(queueFull(call, 'all', 2, 1, undefined).message).toContain('2 calls wait for pool "all" already');
  expect(turnedAway(call, 1).message).toContain('1 call is under way already');
  expect(turnedAway(call, 2).message).toContain('2 calls are under way already');
});

it('what is said of none is said so', () => {
  expect(queueFull(call, 'all', 0, 1, undefined).message).toContain('pool "all" is full, and none may wait for it');
});

it('times are whole milliseconds, and when to come back is never too early', () => {
  const limited = rateLimited(call, 'all', fields, 'requests', 333.3333333, undefined);
  expect(limited.retryAfterMs).toBe(334);
  expect(limited.message).toContain('it may go in 334 ms');
  expect(queueFull(call, 'all', 1, 1, 33.3333333).retryAfterMs).toBe(34);
  expect(queueHopeless(call, 'all', 900.5, 500.25, 1).retryAfterMs).toBe(401);
  expect(queueTimedOut(call, 'all', 100, 100.4, 1).message).toContain('waited 100 ms');
});
