import { testInterceptor } from '@sluice/core/testing';
import { expect, it } from 'vitest';
import { adaptiveLimit, heartbeat, timeout } from './index.ts';

it.each([
  ['timeout()', () => timeout()],
  ["timeout('none')", () => timeout('none')],
  [
    'timeout with every option',
    () =>
      timeout({
        total: '30s',
        attempt: '10s',
        queue: '5s',
        soft: '8s',
        grace: '100ms',
        cleanup: '2s',
        partial: 'resolve',
        kinds: { agent: '2m' },
        stages: { publish: 'none' },
        tools: { hanging: { total: '20s', partial: 'reject' } },
        name: 'limits',
        applies: 'tool',
      }),
  ],
  ['timeout with a limit that learns', () => timeout({ attempt: adaptiveLimit({ warmup: 1, min: '1s', max: '10s' }) })],
  ['timeout with a soft limit alone', () => timeout({ total: 'none', soft: '1s' })],
  ['heartbeat()', () => heartbeat()],
  ["heartbeat('1s')", () => heartbeat('1s')],
  ['heartbeat that only heartbeats refresh', () => heartbeat({ timeout: '1s', refreshOn: 'heartbeat' })],
  ['timeout and heartbeat', () => [...timeout({ total: '30s', attempt: '10s', soft: '5s' }), heartbeat('1s')]],
  ['heartbeat and timeout, the other way round', () => [heartbeat('1s'), ...timeout({ total: '30s', attempt: '10s' })]],
])('%s keeps the rules that all interceptors keep', async (_, factory) => {
  const { results } = await testInterceptor(factory);
  expect(results.length).toBeGreaterThan(20);
});
