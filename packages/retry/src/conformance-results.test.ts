import { testInterceptor } from '@sluice/core/testing';
import { expect, it } from 'vitest';
import { fallback, idempotency, memoryIdempotencyStore, retry } from './index.ts';

let calls = 0;
const later = {
  get: async () => undefined,
  set: async () => {},
};

it.each([
  ['idempotency() for calls without a key', () => idempotency()],
  ['idempotency with a key for each call', () => idempotency({ key: () => `${++calls}` })],
  ['idempotency that keeps nothing', () => idempotency({ key: ({ runId }) => runId, ttl: 0 })],
  ['idempotency with a store that is elsewhere', () => idempotency({ key: () => `${++calls}`, store: later })],
  [
    'idempotency with every option',
    () =>
      idempotency({
        key: ({ runId, name }) => `${runId} ${name}`,
        ttl: 'none',
        onMismatch: 'run',
        store: memoryIdempotencyStore({ max: 1 }),
        kinds: { agent: 'none' },
        tools: { echo: 'none' },
        stages: { publish: { ttl: '1h' } },
        name: 'once',
        applies: 'tool',
      }),
  ],
  ['a fallback that is asked for nothing', () => fallback('other', { on: () => false })],
  ['a fallback that fails as well', () => fallback([() => Promise.reject(new Error('cache down'))])],
  [
    'both, around a retry',
    () => [fallback('other', { on: () => false }), idempotency({ key: () => `${++calls}` }), retry()],
  ],
] as const)('%s keeps the rules that all interceptors keep', async (_, factory) => {
  const { results } = await testInterceptor(factory as never);
  expect(results.length).toBeGreaterThan(20);
});
