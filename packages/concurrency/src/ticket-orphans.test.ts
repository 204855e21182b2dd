import { type Context, tool } from '@sluice/core';
import { expect, it } from 'vitest';
import { bench, ending, expectAtRest, Gauge, nothingIsLeft } from './acceptance.test-kit.ts';
import { concurrency } from './index.ts';

nothingIsLeft();

it('a call that was stopped, with one in it that goes on with its permit, is one orphan', async () => {
  const plugin = concurrency({ limit: 1, orphanLease: 'none' });
  const { clock, runner } = bench({ use: [plugin], grace: 0 });
  const gauge = new Gauge(clock);
  const deaf = tool('deaf', {}, () => gauge.busy(50));
  const outer = tool('outer', {}, (_: undefined, { call }: Context) => call(deaf));
  expect(await clock.until(ending(runner.call(outer, undefined, { deadline: 5 })))).toBe('TIMEOUT');
  await clock.advance(1);
  expect(plugin.stats()).toMatchObject({ active: 1, orphans: 1 });
  await clock.runAll();
  expectAtRest(plugin);
});
