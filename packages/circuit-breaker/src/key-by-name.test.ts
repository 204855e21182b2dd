import { createRunner, tool } from '@sluice/core';
import { virtualClock } from '@sluice/core/testing';
import { expect, it } from 'vitest';
import { circuitBreaker } from './index.ts';

async function called(...names: string[]) {
  const clock = virtualClock();
  const breaker = circuitBreaker();
  const runner = createRunner({ use: [breaker], clock });
  for (const name of names) await clock.until(runner.call(tool(name, {}, async () => 1)));
  return { breaker, clock, runner };
}

it('a circuit may be told by the name of what has been called', async () => {
  const { breaker, clock, runner } = await called('search');
  breaker.isolate('search');
  expect([breaker.state('search'), breaker.state('tool:search')]).toEqual(['isolated', 'isolated']);
  expect(breaker.keys()).toEqual(['tool:search']);
  await expect(clock.until(runner.call(tool('search', {}, async () => 1)))).rejects.toMatchObject({
    code: 'CIRCUIT_OPEN',
  });
});

it('a name of which nothing has been called is refused, rather than being the circuit of nothing', async () => {
  const { breaker } = await called('search');
  for (const act of [() => breaker.trip('serach'), () => breaker.isolate('serach'), () => breaker.reset('serach')]) {
    expect(act).toThrow('key: expected the key of a circuit, such as "tool:search", or the name of one thing that has');
  }
  expect(breaker.state('serach')).toBe('closed');
  expect(breaker.keys()).toEqual(['tool:search']);
});

it('where a function has the name of a tool, the name alone does not say which', async () => {
  const { breaker, clock, runner } = await called('search');
  await clock.until(runner.wrap(async () => 1, { name: 'search' })());
  expect(() => breaker.trip('search')).toThrow(/known: tool:search, function:search/);
});

it('where there is one for all, or by a key of its own, any text is a key', () => {
  const breaker = circuitBreaker({ per: 'all' });
  breaker.trip('all');
  expect(breaker.state('all')).toBe('open');
});
