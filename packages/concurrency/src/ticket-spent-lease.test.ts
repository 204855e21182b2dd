import { type Call, type Context, defineInterceptor, Place, tool } from '@sluice/core';
import { Subject, takeUntil } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { bench, ending, expectAtRest, Gauge, nothingIsLeft } from './acceptance.test-kit.ts';
import { type ConcurrencyOptions, concurrency } from './index.ts';

nothingIsLeft();

function world(options: ConcurrencyOptions) {
  const plugin = concurrency({ orphanLease: 'none', ...options });
  const stop = new Subject<void>();
  const stops = defineInterceptor({
    name: 'stops',
    priority: Place.retry,
    intercept: (call, next) => (call.name === 'stopped' ? next(call).pipe(takeUntil(stop)) : next(call)),
  });
  const { clock, runner } = bench({ use: [plugin, stops], grace: 0 });
  const gauge = new Gauge(clock);
  const leaf = tool('leaf', {}, (who: string) => gauge.busy(10, who));
  const deaf = tool('deaf', {}, (ms: number) => gauge.busy(ms, 'deaf'));
  return { clock, runner, plugin, gauge, leaf, deaf, stop };
}

describe('a call that is stopped by what stands around its limit', () => {
  it.each([
    ['one that must be alone', { exclusive: ({ name }: Call) => name === 'inner' }],
    ['one that is heavier', { weight: ({ name }: Call) => (name === 'inner' ? 2 : 1) }],
  ])('lets nothing of it begin beside others, with what it has given back: %s', async (_, options) => {
    const { clock, runner, plugin, gauge, leaf, stop } = world({ limit: 2, release: 'verdict', ...options });
    const inner = tool('inner', {}, () => gauge.busy(10, 'inner'));
    const stopped = tool('stopped', {}, (_: undefined, { call }: Context) => call(inner));
    const calls = [runner.call(leaf, 'other'), ending(runner.call(stopped))];
    await clock.advance(5);
    expect(plugin.stats()).toMatchObject({ active: 2, queued: 1 });
    stop.next();
    await clock.until(Promise.all(calls));
    expect(gauge.order).toEqual(['other']);
    await clock.runAll();
    expectAtRest(plugin);
  });
});
