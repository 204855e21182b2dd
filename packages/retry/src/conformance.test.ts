import { Place } from '@sluice/core';
import { testInterceptor } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import { expect, it } from 'vitest';
import { constant, decorrelated, linear, retry, retryBudget, retryOn } from './index.ts';

it.each([
  ['retry()', () => retry()],
  ['retry(5)', () => retry(5)],
  ["retry('none')", () => retry('none')],
  [
    'retry with every option',
    () =>
      retry({
        attempts: 4,
        backoff: constant('1s'),
        retryOn: [retryOn.defaults, retryOn.status(409)],
        respectRetryAfter: '1m',
        budget: [retryBudget({ size: 10 }), retryBudget({ per: 'all' })],
        timeoutFactor: 2,
        overlap: false,
        restartable: true,
        idempotent: true,
        onRetry: () => {},
        kinds: { agent: 2 },
        stages: { publish: 'none' },
        tools: { hanging: { attempts: 9 } },
        name: 'again',
        applies: 'tool',
      }),
  ],
  ['retry without a wait', () => retry({ backoff: 0 })],
  ['retry without a limit', () => retry({ attempts: Number.POSITIVE_INFINITY, backoff: decorrelated() })],
  ['retry without a budget', () => retry({ budget: 'none', backoff: linear(10) })],
  ['retry that overlaps', () => retry({ overlap: true })],
  ['retry that waits for what is left', () => retry({ overlap: 'wait' })],
  [
    'retry whose onRetry throws',
    () =>
      retry({
        onRetry: () => {
          throw new Error('no pager');
        },
      }),
  ],
  ['retry inside and outside limits', () => [...timeout({ total: '30s', attempt: '10s' }), retry()]],
  [
    'retry within the attempt',
    () => [...timeout({ total: '30s', attempt: '10s' }), retry({ priority: Place.attempt + 1 })],
  ],
  ['two retries', () => [retry(), retry({ name: 'outer', priority: Place.observe })]],
])('%s keeps the rules that all interceptors keep', async (_, factory) => {
  const { results } = await testInterceptor(factory);
  expect(results.length).toBeGreaterThan(20);
});
