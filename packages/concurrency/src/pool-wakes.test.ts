import { type Call, type Context, defineInterceptor, Place, tool } from '@sluice/core';
import { retry, Subject, takeUntil } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { bench, ending, expectAtRest, Gauge, nothingIsLeft, sleep, times } from './acceptance.test-kit.ts';
import { adaptive, type ConcurrencyOptions, concurrency } from './index.ts';

nothingIsLeft();

function world(options: ConcurrencyOptions) {
  const plugin = concurrency({
    weight: ({ name }: Call) => (name === 'heavy' ? 2 : 1),
    exclusive: ({ name }: Call) => name === 'alone',
    ...options,
  });
  const stop = new Subject<void>();
  const stops = defineInterceptor({
    name: 'stops',
    priority: Place.retry,
    intercept: (call, next) => (call.input === 'stopped' ? next(call).pipe(takeUntil(stop)) : next(call)),
  });
  const { clock, runner, of } = bench({ use: [plugin, stops], grace: 0 });
  const gauge = new Gauge(clock);
  const worked = (name: string, ms: number) => tool(name, {}, (who: string) => gauge.busy(ms, who));
  const [light, heavy, alone] = [worked('light', 50), worked('heavy', 50), worked('alone', 50)];
  const short = worked('short', 10);
  const begun = () => gauge.begun.map(({ who, at }) => `${who}@${at}`);
  const saturated: boolean[] = [];
  const subscription = plugin.saturated$.subscribe((is) => saturated.push(is));
  return { clock, runner, plugin, of, gauge, light, heavy, alone, short, begun, stop, saturated, subscription };
}

describe('who waits behind one for which there is no room has its turn at once when that', () => {
  it('is stopped', async () => {
    const { clock, runner, light, heavy, begun, stop, saturated } = world({ limit: 2 });
    const calls = [runner.call(light, 'a'), ending(runner.call(heavy, 'stopped')), runner.call(light, 'b')];
    await clock.advance(5);
    expect(begun()).toEqual(['a@0']);
    stop.next();
    await clock.until(Promise.all(calls));
    expect(begun()).toEqual(['a@0', 'b@5']);
    expect(saturated).toEqual([false, true, false]);
  });

  it('has waited for too long', async () => {
    const { clock, runner, plugin, of, light, begun } = world({ limit: 2 });
    const patient = tool('heavy', { concurrency: { queue: { timeout: 5 } } }, () => sleep(clock, 1));
    const calls = [runner.call(light, 'a'), ending(runner.call(patient, undefined)), runner.call(light, 'b')];
    await clock.until(Promise.all(calls));
    expect(begun()).toEqual(['a@0', 'b@5']);
    expect(plugin.stats()).toMatchObject({ timedOut: 1, rejected: 0 });
    expect(of('queue.enter').map(({ depth }) => depth)).toEqual([1, 2]);
    expect(of('queue.timeout')).toMatchObject([{ waitedMs: 5, depth: 2 }]);
  });

  it('goes behind it, for another one that is preferred because somebody waits for it', async () => {
    const { clock, runner, light, heavy, begun } = world({
      limit: 2,
      per: ({ name }: Call) => (name === 'write' ? 'file' : 'workers'),
      exclusive: ({ name }: Call) => name === 'write',
      priority: ({ input }: Call) => ({ urgent: 1, heavy: 5 })[String(input)] ?? 9,
      ageing: 'none',
    });
    const write = tool('write', {}, (who: string, { call }: Context) => call(light, `in ${who}`));
    const calls = [runner.call(light, 'a'), runner.call(heavy, 'heavy'), runner.call(write, 'low')];
    await clock.advance(5);
    expect(begun()).toEqual(['a@0']);
    calls.push(runner.call(write, 'urgent'));
    await clock.until(Promise.all(calls));
    expect(begun().slice(0, 2)).toEqual(['a@0', 'in low@5']);
  });
});

describe('who waits has its turn at once when the limit', () => {
  it('is raised', async () => {
    const { clock, runner, plugin, short, begun, saturated } = world({ limit: 1 });
    const calls = times(3, (n) => runner.call(short, `${n}`));
    await clock.advance(5);
    plugin.setLimit(3);
    await clock.until(Promise.all(calls));
    expect(begun()).toEqual(['0@0', '1@5', '2@5']);
    expect(saturated).toEqual([false, true, false]);
  });

  it('is raised while nobody waits, as those hear that watch', async () => {
    const { clock, runner, plugin, short, saturated } = world({ limit: 1 });
    const call = runner.call(short, 'a');
    await clock.advance(5);
    plugin.setLimit(2);
    expect(saturated).toEqual([false, true, false]);
    plugin.setLimit(1);
    expect(saturated).toEqual([false, true, false, true]);
    await clock.until(call);
    expect(saturated).toEqual([false, true, false, true, false]);
  });

  it('has grown by itself, also when nobody has given a permit back', async () => {
    const { clock, runner, plugin } = world({ limit: adaptive({ min: 1, max: 50, initial: 1 }) });
    const quick = tool('quick', {}, () => sleep(clock, 1));
    const outer = tool('outer', {}, async (_: undefined, { call }: Context) => {
      while (plugin.stats().limit < 2) await call(quick);
      await sleep(clock, 5_000);
    });
    const waits = tool('waits', {}, () => clock.now());
    const ended = runner.call(outer);
    await clock.advance(1);
    const at = runner.call(waits, undefined);
    await clock.until(ended);
    expect((await at) + 5_000).toBeLessThanOrEqual(clock.now());
  });

  it('is raised by much: so many at a time, before others have theirs, and then the rest', async () => {
    const { clock, runner, plugin, gauge, short } = world({ limit: 1 });
    const calls = times(1_000, (n) => runner.call(short, `${n}`));
    await clock.advance(1);
    plugin.setLimit(1_000);
    expect(gauge.running).toBeGreaterThan(100);
    expect(gauge.running).toBeLessThan(500);
    await clock.advance(0);
    expect(gauge.running).toBe(1_000);
    await clock.until(Promise.all(calls));
    expectAtRest(plugin);
  });
});

describe('a call in a call', () => {
  it('waits also where nobody may, and where the others wait for long', async () => {
    const { clock, runner, short, begun } = world({ limit: 1, queue: { max: 0 } });
    const outer = tool('outer', {}, (_: undefined, { call }: Context) =>
      Promise.all([call(short, 'a'), call(short, 'b')]),
    );
    await clock.until(runner.call(outer));
    expect(begun()).toEqual(['a@0', 'b@10']);
  });

  it('is not refused for the time that those need that wait outside', async () => {
    const { clock, runner, short } = world({ limit: 1 });
    const calls = times(30, (n) => ending(runner.call(short, `${n}`)));
    const outer = tool('outer', {}, (_: undefined, { call }: Context) =>
      Promise.all(['a', 'b'].map((name) => call(short, name, { deadline: 25 }))),
    );
    calls.push(ending(runner.call(outer)));
    for (let n = 0; n < 9; n++) calls.push(ending(runner.call(short, `${n}`)));
    expect(await clock.until(Promise.all(calls))).not.toContain('QUEUE_TIMEOUT');
  });

  it('goes on with the permit of that when another one before it may not', async () => {
    const { clock, runner, light, alone, short, begun } = world({ limit: 2 });
    const outer = tool('outer', {}, (_: undefined, { call }: Context) =>
      Promise.all([call(short, 'a'), call(alone, 'alone'), call(short, 'b')]),
    );
    await clock.until(Promise.all([runner.call(light, 'outside'), runner.call(outer)]));
    expect(begun()).toEqual(['outside@0', 'a@0', 'b@10', 'alone@50']);
  });

  it('does not begin beside one that is alone in another call', async () => {
    const { clock, runner, alone, short, begun } = world({ limit: 2 });
    const outer = tool('outer', {}, async (who: string, { call }: Context) => {
      const first = call(alone, `${who} alone`);
      await sleep(clock, 5);
      await Promise.all([first, call(short, `${who} short`)]);
    });
    await clock.until(Promise.all([runner.call(outer, 'a'), runner.call(outer, 'b')]));
    expect(begun()[0]).toBe('a alone@0');
    const [, ...others] = begun();
    expect(others.every((one) => Number(one.split('@')[1]) >= 50)).toBe(true);
  });
});

it('a limit is saturated while somebody waits, though there is room for others, and no longer when that one leaves', async () => {
  const { clock, runner, light, heavy, stop, saturated } = world({ limit: 2 });
  const calls = [runner.call(light, 'a'), ending(runner.call(heavy, 'stopped'))];
  await clock.advance(5);
  expect(saturated).toEqual([false, true]);
  stop.next();
  expect(saturated).toEqual([false, true, false]);
  await clock.until(Promise.all(calls));
});

it('a call that is repeated goes by the limit that holds by then', async () => {
  const plugin = concurrency({ limit: 1 });
  const again = defineInterceptor({
    name: 'again',
    priority: Place.retry,
    intercept: (call, next) => next(call).pipe(retry(1)),
  });
  const { clock, runner } = bench({ use: [plugin, again], grace: 0, acknowledge: ['retry-without-limit'] as never });
  let attempts = 0;
  const fails = tool('fails', {}, async () => {
    attempts++;
    await sleep(clock, 10);
    throw new Error('no');
  });
  const ended = ending(runner.call(fails));
  await clock.advance(5);
  plugin.setLimit(3);
  expect(await clock.until(ended)).toBe('no');
  expect(attempts).toBe(2);
  expect(plugin.stats()).toMatchObject({ limit: 3, active: 0 });
});

it('how fast turns come is told by turns, not by who leaves without one', async () => {
  const { clock, runner, short, begun } = world({ limit: 1 });
  const long = tool('long', {}, () => sleep(clock, 500));
  const quick = tool('quick', {}, () => sleep(clock, 1));
  const calls = [ending(runner.call(long)), ending(runner.call(quick))];
  for (let n = 0; n < 40; n++) calls.push(ending(runner.call(short, 'never', { deadline: 10 * n + 9 })));
  await clock.advance(495);
  calls.push(ending(runner.call(short, 'last', { deadline: 18 })));
  await clock.until(Promise.all(calls));
  expect(begun()).toEqual(['last@501']);
});
