import { type Call, isSluiceError, toResponse } from '@sluice/core';
import { expect, it } from 'vitest';
import { queueFull, queueHopeless, queueTimedOut, shedFor, turnedAway } from './queue-errors.ts';

const call = { target: 'tool', name: 'search', attempt: 2, runId: 'r1', priority: 3 } as Call;
const preferred = { ...call, name: 'urgent', priority: -1 } as Call;
const about = { scope: 'tool:search', call: { target: 'tool', name: 'search', attempt: 2, runId: 'r1' } };

it.each([
  [
    queueFull(call, 'all', 10, 4, undefined),
    'QUEUE_FULL',
    /^Tool "search" was refused: 10 .* pool "all"/,
    { depth: 10, limit: 4 },
  ],
  [
    queueTimedOut(call, 'all', 101, 100, 7),
    'QUEUE_TIMEOUT',
    /^Tool "search" waited 100 ms .* pool "all"/,
    { depth: 7, waitedMs: 101, timeoutMs: 100 },
  ],
  [
    queueHopeless(call, 'all', 899.6, 500.4, 7),
    'QUEUE_TIMEOUT',
    /about 900 ms, and its deadline is in 500 ms/,
    { depth: 7, predictedMs: 899.6 },
  ],
  [turnedAway(call, 12), 'QUEUE_FULL', /^Tool "search" was turned away: 12 calls/, { inside: 12 }],
  [shedFor(call, preferred), 'QUEUE_FULL', /had to make room for tool "urgent"/, { priority: 3, preferred: -1 }],
])('%s says what was refused, and what was exceeded', (error, code, message, details) => {
  expect(isSluiceError(error) && error.code).toBe(code);
  expect(error.message).toMatch(message);
  expect(error).toMatchObject({ ...about, details, retryable: false });
  expect(String(error.remediation).length).toBeGreaterThan(10);
  expect(toResponse(error, { requestId: 'q', durationMs: 1 }).error).toMatchObject({ code });
});

it('says when to come back only where that is known', () => {
  expect(queueFull(call, 'all', 1, 1, undefined).retryAfterMs).toBeUndefined();
  expect(queueFull(call, 'all', 1, 1, 250).retryAfterMs).toBe(250);
  expect(queueTimedOut(call, 'all', 1, 1, 1).retryAfterMs).toBeUndefined();
  expect(queueHopeless(call, 'all', 900, 500, 1).retryAfterMs).toBe(400);
  expect(queueHopeless(call, 'all', 400, 500, 1).retryAfterMs).toBe(0);
});

it('costs no stack: it is made often on a bad day', () => {
  for (const error of [queueFull(call, 'all', 1, 1, 1), queueTimedOut(call, 'a', 1, 1, 1), turnedAway(call, 1)]) {
    expect((error.stack ?? '').split('\n    at ').length).toBe(1);
  }
});
