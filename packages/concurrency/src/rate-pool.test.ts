import { type Context, createRunner, isSluiceError, tool } from '@sluice/core';
import { leakLedger, recorder, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RateLimitOptions, rateLimit } from './index.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

function bench(options: RateLimitOptions) {
  const clock = virtualClock();
  const plugin = rateLimit(options);
  const runner = createRunner({ use: [plugin], clock, grace: 0 });
  const begun: string[] = [];
  const go = tool('go', {}, async (name: string, context: Context) => {
    begun.push(`${name}@${clock.now()}`);
    if (name.startsWith('costs')) context.settle({ tokens: Number(name.slice(5)) });
    if (name === 'told') throw Object.assign(new Error('slow down'), { status: 429, headers: { 'retry-after': '2' } });
    if (name === 'too many') throw Object.assign(new Error('too many'), { statusCode: 429 });
    if (name === 'busy') throw Object.assign(new Error('busy'), { status: 503 });
    return name;
  });
  const call = (name: string, options: object = {}): Promise<string> =>
    runner.call(go, name, options).then(String, (error: unknown) => (isSluiceError(error) ? error.code : 'failed'));
  const stats = () => Object.values(plugin.stats())[0];
  return { clock, plugin, runner, begun, call, stats };
}

describe('a rate', () => {
  it('lets calls wait in order, each for exactly as long as it must', async () => {
    const { clock, begun, call, stats } = bench({ requests: '10/s' });
    const calls = ['a', 'b', 'c'].map((name) => call(name));
    await clock.advance(50);
    expect(stats()).toMatchObject({ queued: 2, oldestWaitMs: 50, rejected: 0 });
    await clock.until(Promise.all(calls));
    expect(begun).toEqual(['a@0', 'b@100', 'c@200']);
    expect(stats()).toMatchObject({ queued: 0, oldestWaitMs: 0 });
  });

  it('takes nothing for one that leaves, and lets the next one go when that may', async () => {
    const { clock, begun, call } = bench({ requests: '1/s' });
    const controller = new AbortController();
    const calls = [call('a'), call('b', { signal: controller.signal }), call('c')];
    await clock.advance(500);
    controller.abort(new Error('enough'));
    expect(await clock.until(Promise.all(calls))).toEqual(['a', 'CANCELLED', 'c']);
    expect(begun).toEqual(['a@0', 'c@1000']);
  });

  it('looks anew when the first one leaves: a cheap one behind it may go at once', async () => {
    const cost = ({ input }: { readonly input: unknown }) => ({ tokens: String(input).length });
    const { clock, begun, call } = bench({ tokens: '10/s', cost });
    const controller = new AbortController();
    const calls = [call('five5'), call('nine99999', { signal: controller.signal }), call('x')];
    await clock.advance(100);
    controller.abort(new Error('enough'));
    await clock.until(Promise.all(calls));
    expect(begun).toEqual(['five5@0', 'x@100']);
  });

  it('refuses at once where calls must not wait, and says when they may come back', async () => {
    const { clock, runner, call, stats } = bench({ requests: '2/s', mode: 'reject' });
    const recorded = recorder(runner);
    expect(await clock.until(Promise.all([call('a'), call('b')]))).toEqual(['a', 'RATE_LIMITED']);
    recorded.expectTimeline('0 rate.limited go pool=all waitMs=500 dimension=requests');
    recorded.stop();
    expect(stats()).toMatchObject({ rejected: 1, queued: 0 });
    await clock.advance(500);
    expect(await clock.until(call('c'))).toBe('c');
  });

  it('refuses at once what could not go before its deadline', async () => {
    const { clock, call } = bench({ requests: '1/s' });
    expect(await clock.until(Promise.all([call('a'), call('b', { deadline: 900 })]))).toEqual(['a', 'RATE_LIMITED']);
    expect(clock.now()).toBe(0);
    expect(await clock.until(call('c', { deadline: 1_100 }))).toBe('c');
  });

  it('lets only so many wait, and only for so long', async () => {
    const { clock, runner, call, stats } = bench({ requests: '1/s', queue: { max: 2, timeout: 1_500 } });
    const recorded = recorder(runner);
    const calls = ['a', 'b', 'c', 'd'].map((name) => call(name));
    expect(await clock.until(Promise.all(calls))).toEqual(['a', 'b', 'QUEUE_TIMEOUT', 'QUEUE_FULL']);
    recorded.expectTimeline(`
      0    queue.full    go pool=all depth=2
      1500 queue.timeout go pool=all waitedMs=1500
    `);
    recorded.stop();
    expect(stats()).toMatchObject({ queued: 0, rejected: 2 });
  });

  it('takes all dimensions or none', async () => {
    const cost = ({ input }: { readonly input: unknown }) => ({ tokens: input === 'big' ? 10 : 1 });
    const { clock, begun, call } = bench({ requests: '1000/s', burst: 10, tokens: '10/s', cost });
    await clock.until(Promise.all(['a', 'big', 'b'].map((name) => call(name))));
    expect(begun).toEqual(['a@0', 'big@1000', 'b@2000']);
  });
});

describe('what a call has really cost', () => {
  it('is given back where it was less, and lets those that wait go sooner', async () => {
    const { clock, begun, call } = bench({ tokens: '10/s', cost: 10 });
    await clock.until(Promise.all([call('costs2'), call('costs8')]));
    expect(begun).toEqual(['costs2@0', 'costs8@1000']);
    const cheap = bench({ tokens: '10/s', cost: 5 });
    await cheap.clock.until(Promise.all(['costs1', 'costs1', 'costs1'].map((name) => cheap.call(name))));
    expect(cheap.begun).toEqual(['costs1@0', 'costs1@0', 'costs1@0']);
  });

  it('is owed where it was more', async () => {
    const { clock, begun, call, stats } = bench({ tokens: '10/s', cost: 10 });
    await clock.until(call('costs20'));
    expect(stats()?.dimensions['tokens']?.remaining).toBe(-10);
    await clock.until(call('a'));
    expect(begun).toEqual(['costs20@0', 'a@2000']);
  });
});

describe('a service that asks to be left alone', () => {
  it.each([
    ['told', 2_000],
    ['too many', 1_000],
    ['busy', 0],
  ])('lets everybody wait: %s', async (name, until) => {
    const { clock, begun, call, stats } = bench({ requests: '1000/s', burst: 100 });
    await clock.until(call(name));
    expect(stats()?.pausedMs).toBe(until);
    await clock.until(Promise.all([call('a'), call('b')]));
    expect(begun.slice(1)).toEqual([`a@${until}`, `b@${until}`]);
  });

  it('lets everybody wait who waits already, and says so, once', async () => {
    const { clock, runner, begun, call } = bench({ requests: '10/s' });
    const recorded = recorder(runner);
    await clock.until(Promise.all(['told', 'a', 'b'].map((name) => call(name))));
    expect(begun).toEqual(['told@0', 'a@2000', 'b@2100']);
    recorded.expectTimeline('0 rate.pause go pool=all pauseMs=2000');
    recorded.stop();
  });

  it('is left alone by hand as well, and by what it says remains', async () => {
    const { clock, plugin, begun, call } = bench({ requests: '1000/s', burst: 10 });
    plugin.pause('all', '3s');
    await clock.until(call('a'));
    plugin.correct('all', { requests: { remaining: 1, resetMs: 5_000 } });
    await clock.until(Promise.all([call('b'), call('c')]));
    expect(begun).toEqual(['a@3000', 'b@3000', 'c@8000']);
  });
});

it('a thousand that wait are let go in turns of the loop, in order', async () => {
  const { clock, plugin, begun, call } = bench({ requests: '1000000/s', burst: 10_000 });
  plugin.pause('all', 100);
  await clock.until(Promise.all(Array.from({ length: 1_000 }, (_, n) => call(String(n)))));
  expect(begun).toEqual(Array.from({ length: 1_000 }, (_, n) => `${n}@100`));
});
