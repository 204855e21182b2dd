import { explain, stack, tool } from '@sluice/core';
import { retryOn } from '@sluice/retry';
import { expect, it } from 'vitest';
import { circuitBreaker } from './index.ts';

const text = (options?: Parameters<typeof circuitBreaker>[0]): string =>
  explain(
    stack([circuitBreaker(options)]),
    tool('search', { circuitBreaker: { probes: 1 } }, () => 1),
  ).text;

it('Every option is explained in words, with where it came from', () => {
  const usual = text();
  expect(usual).toContain('window=30 s, 20 calls at least (default)');
  expect(usual).toContain('openFor=30 s, growing with jitter to 300 s (default)');
  expect(usual).toContain('probes=1 (tool)');
  const said = text({
    window: { type: 'count', size: 50 },
    slowCall: { duration: '2s', rate: 0.3 },
    openFor: '5s',
    counts: retryOn.status(500),
    mode: 'shadow',
    ramp: 'none',
  });
  expect(said).toContain('window=the last 50 calls, 20 at least (plugin)');
  expect(said).toContain('slowCall=0.3 of the calls longer than 2 s (plugin)');
  expect(said).toContain('openFor=5 s (plugin)');
  expect(said).toContain('ramp=0 (plugin)');
  expect(said).toContain('counts=status 500 (plugin)');
  expect(text({ window: { type: 'consecutive', size: 5 } })).toContain('window=5 in a row (plugin)');
});
