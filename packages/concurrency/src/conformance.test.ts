import { testInterceptor } from '@sluice/core/testing';
import { expect, it } from 'vitest';
import { adaptive, admission, concurrency, memoryStore, rateLimit } from './index.ts';

it.each([
  ['concurrency(1)', () => concurrency(1)],
  ['concurrency(Infinity)', () => concurrency(Number.POSITIVE_INFINITY)],
  ["concurrency('none')", () => concurrency('none')],
  [
    'concurrency(100) with every option',
    () =>
      concurrency({
        limit: 100,
        per: 'name',
        queue: { max: 50, timeout: '30s', order: 'lifo' },
        priority: ({ attempt }) => attempt,
        ageing: '1s',
        weight: ({ name }) => name.length,
        exclusive: ({ kind }) => kind === 'guard',
        fair: { by: ({ runId }) => runId, share: () => 2 },
        release: 'verdict',
        orphanLease: '1m',
        store: memoryStore(),
        kinds: { agent: 2 },
        tools: { hanging: { limit: 1, release: 'settled' }, echo: 3 },
        stages: { publish: 'none' },
        name: 'limits',
        applies: 'tool',
      }),
  ],
  ['concurrency with one limit for each run', () => concurrency({ limit: 2, per: ({ runId }) => runId })],
  ['an exclusive limit', () => concurrency({ limit: 5, exclusive: true })],
  ['a limit that finds itself', () => concurrency({ limit: adaptive({ min: 1, max: 20 }) })],
  ["rateLimit('100/s')", () => rateLimit('100/s')],
  ["rateLimit('1/h') in a window", () => rateLimit({ requests: '1000/h', algorithm: 'sliding-window' })],
  ['rateLimit that refuses', () => rateLimit({ requests: '1/h', mode: 'reject' })],
  [
    'rateLimit with every option',
    () =>
      rateLimit({
        requests: '60/m',
        tokens: '90000/m',
        limits: { day: '1000/d' },
        burst: 10,
        algorithm: 'gcra',
        cost: () => ({ tokens: 10 }),
        mode: 'wait',
        queue: { max: 100, timeout: '5m' },
        coolDown: '2s',
        per: 'kind',
        store: memoryStore(),
        tools: { echo: '10/s' },
        name: 'rates',
        applies: 'tool',
      }),
  ],
  ['admission({ max: 1 })', () => admission({ max: 1 })],
  ['admission that prefers', () => admission({ max: 5, shed: 'lowest-priority' })],
  ['admission that learns', () => admission({ max: 100, shed: adaptive({ min: 2, max: 50 }) })],
  ['all of them', () => [admission({ max: 50 }), rateLimit({ requests: '100/s', burst: 50 }), concurrency(3)]],
  ['all of them, the other way round', () => [concurrency(3), rateLimit('100/s'), admission({ max: 50 })]],
] as const)('%s keeps the rules that all interceptors keep', async (_, factory) => {
  const { results } = await testInterceptor(factory as never);
  expect(results.length).toBeGreaterThan(20);
});
