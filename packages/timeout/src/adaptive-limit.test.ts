import { type AnyTool, type Context, createRunner, explain, isSluiceError, type Runner, tool } from '@sluice/core';
import { leakLedger, type Step, scripted, type VirtualClock, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdaptiveLimit, adaptiveLimit, isAdaptiveLimit } from './adaptive-limit.ts';
import { timeout } from './timeout.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

/** A runner whose attempts have a limit that is learned. */
function learning(attempt: AdaptiveLimit): {
  clock: VirtualClock;
  runner: Runner;
  call(name: string, step: Step): Promise<string>;
} {
  const clock = virtualClock();
  const runner = createRunner({ clock, use: [timeout({ attempt })] });
  const tools = new Map<string, AnyTool>();
  const steps = new Map<string, Step>();
  const made = (name: string): AnyTool =>
    tool(name, {}, (_: unknown, context: Context) =>
      scripted([steps.get(name) as Step], { clock })(undefined, context),
    );
  const call = async (name: string, step: Step): Promise<string> => {
    const known = tools.get(name) ?? made(name);
    steps.set(name, step);
    tools.set(name, known);
    const ended = runner.call(known, undefined as never).then(
      () => 'ok',
      (error: unknown) => (isSluiceError(error, 'TIMEOUT') ? 'timeout' : 'failed'),
    );
    return clock.until(ended);
  };
  return { clock, runner, call };
}

const takes = (after: number): Step => ({ do: 'succeed', after });
const HANG: Step = { do: 'hang' };

describe('an adaptive limit', () => {
  it('is max at first, then what calls that end well take, and cuts off what takes longer', async () => {
    const limit = adaptiveLimit({ percentile: 50, factor: 2, min: 10, max: '10s', warmup: 5 });
    const { clock, call } = learning(limit);
    for (let n = 0; n < 5; n++) expect(await call('search', takes(100))).toBe('ok');
    const from = clock.now();
    expect(await call('search', HANG)).toBe('timeout');
    expect(clock.now() - from).toBe(limit.of({ target: 'tool', name: 'search' }).limit);
    expect(clock.now() - from).toBeGreaterThanOrEqual(200);
    expect(clock.now() - from).toBeLessThanOrEqual(225);
  });

  it('holds for each target by itself', async () => {
    const limit = adaptiveLimit({ percentile: 50, factor: 2, min: 10, max: '10s', warmup: 2 });
    const { clock, call } = learning(limit);
    for (let n = 0; n < 2; n++) await call('fast', takes(20));
    const from = clock.now();
    await call('other', HANG);
    expect(clock.now() - from).toBe(10_000);
    expect(limit.of({ target: 'stage', name: 'fast' }).warm).toBe(false);
    expect(limit.of({ target: 'tool', name: 'fast' }).warm).toBe(true);
  });

  it('learns neither from failures nor from what it cut off, and begins anew after a row of these', async () => {
    const limit = adaptiveLimit({ percentile: 50, factor: 2, min: 10, max: 1_000, warmup: 3 });
    const { call } = learning(limit);
    const learned = limit.of({ target: 'tool', name: 'search' });
    for (let n = 0; n < 3; n++) await call('search', takes(50));
    const now = learned.limit;
    for (let n = 0; n < 40; n++) await call('search', { do: 'fail', after: 1 });
    expect(learned.limit).toBe(now);
    for (let n = 0; n < 2; n++) await call('search', HANG);
    expect(learned.limit).toBe(now);
    await call('search', HANG);
    expect([learned.warm, learned.limit]).toEqual([false, 1_000]);
    expect(limit.describe({ target: 'tool', name: 'search' })).toContain('(1000 ms until it has learned)');
  });

  it('does not take a cancellation from outside for a call that it cut off', async () => {
    const limit = adaptiveLimit({ warmup: 1, max: 1_000 });
    const { clock, runner, call } = learning(limit);
    await call('search', takes(50));
    const controller = new AbortController();
    const hang = tool('search', {}, scripted([HANG], { clock }));
    const ended = runner.call(hang, undefined, { signal: controller.signal }).catch(() => {});
    await clock.advance(5);
    controller.abort(new Error('enough'));
    await clock.until(ended);
    expect(limit.of({ target: 'tool', name: 'search' }).warm).toBe(true);
  });

  it('is told by explain() and by stats(): where it stands, for the target that is asked for', async () => {
    const limit = adaptiveLimit({ percentile: 50, factor: 2, min: 10, max: '10s', warmup: 2 });
    const { runner, call } = learning(limit);
    const asked = (name: string): string => runner.explain(tool(name, {}, () => 1)).text;
    expect(asked('search')).toContain('adaptive p50 × 2, 10 to 10000 ms (10000 ms until it has learned)');
    for (let n = 0; n < 2; n++) await call('search', takes(100));
    const { limit: now } = limit.of({ target: 'tool', name: 'search' });
    expect(asked('search')).toContain(`adaptive p50 × 2, 10 to 10000 ms (${Math.round(now)} ms now)`);
    expect(asked('other')).toContain('(10000 ms until it has learned)');
    expect(runner.stats().interceptors['timeout']).toMatchObject({ 'tool:search': { limits: { attempt: now } } });
    expect(explain(runner).text).toContain('adaptive p50');
  });

  it('may be shared by plugins, and be given to one target alone', async () => {
    const limit = adaptiveLimit({ warmup: 1, min: 10, max: 500, factor: 1 });
    const clock = virtualClock();
    const runner = createRunner({ clock, use: [timeout('1h')] });
    const own = tool('own', { timeout: { attempt: limit } }, scripted([takes(20), HANG], { clock }));
    await clock.until(runner.call(own));
    const from = clock.now();
    await clock.until(runner.call(own).catch(() => {}));
    expect(clock.now() - from).toBeGreaterThanOrEqual(20);
    expect(clock.now() - from).toBeLessThanOrEqual(23);
  });
});

describe('adaptiveLimit()', () => {
  it('has defaults for everything', () => {
    expect(adaptiveLimit().fields).toEqual({ percentile: 99, factor: 1.5, min: 10, max: 30_000, warmup: 20 });
    expect(adaptiveLimit({ min: '50ms', max: '2s' }).fields).toMatchObject({ min: 50, max: 2_000 });
    expect(adaptiveLimit({ percentile: 100, factor: 1, warmup: 1, min: 5, max: 5 }).fields.percentile).toBe(100);
  });

  it.each<[object, string]>([
    [{ percentile: 0 }, 'adaptiveLimit.percentile: expected a percentage above 0, up to 100, got 0'],
    [{ percentile: 101 }, 'adaptiveLimit.percentile'],
    [{ percentile: '99' }, 'adaptiveLimit.percentile'],
    [{ factor: 0.9 }, 'adaptiveLimit.factor: expected a finite number ≥ 1, got 0.9'],
    [{ factor: Number.POSITIVE_INFINITY }, 'adaptiveLimit.factor'],
    [{ warmup: 0 }, 'adaptiveLimit.warmup: expected an integer ≥ 1, got 0'],
    [{ warmup: 1.5 }, 'adaptiveLimit.warmup'],
    [{ min: 0 }, 'adaptiveLimit.min: expected a limit above 0 ms, got 0'],
    [{ max: 'none' }, 'adaptiveLimit.max: expected a limit above 0 ms'],
    [{ max: 'soon' }, 'adaptiveLimit.max'],
    [{ min: 200, max: 100 }, 'adaptiveLimit.min: expected no more than max (100 ms), got 200'],
    [{ percentil: 99 }, 'did you mean "percentile"?'],
  ])('refuses %o', (options, message) => {
    expect(() => adaptiveLimit(options)).toThrow(message);
  });

  it('says all that is wrong at once, each thing once', () => {
    expect(() => adaptiveLimit({ percentile: -1, factor: 0, warmup: 0, min: 'x', max: 'y' })).toThrow(
      expect.objectContaining({ issues: expect.objectContaining({ length: 5 }) }),
    );
  });

  it('makes what can be told from everything else', () => {
    expect(isAdaptiveLimit(adaptiveLimit())).toBe(true);
    for (const other of [undefined, null, 5, 'x', {}, { fields: {} }, []]) expect(isAdaptiveLimit(other)).toBe(false);
  });
});
