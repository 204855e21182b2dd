import { testInterceptor } from '@sluice/core/testing';
import { expect, it } from 'vitest';
import { AsyncCircuits } from './async-circuits.test-kit.ts';
import { circuitBreaker, memoryCircuits } from './index.ts';

it.each([
  ['circuitBreaker()', () => circuitBreaker()],
  ["circuitBreaker('none')", () => circuitBreaker('none')],
  [
    'a breaker in shadow mode that is always open',
    () => {
      const breaker = circuitBreaker({ mode: 'shadow', per: 'all' });
      breaker.isolate('all');
      return breaker;
    },
  ],
  [
    'circuitBreaker with every option',
    () =>
      circuitBreaker({
        per: 'kind',
        window: { type: 'count', size: 1_000, minimum: 900 },
        failureRate: 0.9,
        slowCall: { duration: '1m', rate: 0.9 },
        openFor: '10s',
        probes: 5,
        probeTimeout: '1m',
        ramp: '10s',
        counts: ({ status }) => status === 'failed',
        mode: 'enforce',
        store: memoryCircuits(),
        kinds: { agent: { failureRate: 1 } },
        tools: { hanging: { window: { type: 'consecutive', size: 100 } } },
        stages: { publish: 'none' },
        name: 'breaker',
        applies: 'tool',
      }),
  ],
  ['a breaker with slow calls', () => circuitBreaker({ slowCall: { duration: 5 } })],
  ['a breaker with a circuit for each run', () => circuitBreaker({ per: ({ runId }) => runId })],
  ['a breaker whose store is elsewhere', () => circuitBreaker({ store: new AsyncCircuits() })],
  ['two breakers', () => [circuitBreaker(), circuitBreaker({ name: 'another', per: 'all' })]],
] as const)('%s keeps the rules that all interceptors keep', async (_, factory) => {
  const { results } = await testInterceptor(factory as never);
  expect(results.length).toBeGreaterThan(20);
});
