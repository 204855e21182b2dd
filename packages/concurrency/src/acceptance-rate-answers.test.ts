import { pipeline, tool } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { bench, ending, failure, nothingIsLeft, times } from './acceptance.test-kit.ts';
import { type RateLimitOptions, type RatePolicy, rateLimit } from './index.ts';

nothingIsLeft();

/** Makes calls of a tool that notes when it begins. */
function setUp(rate: RatePolicy | RateLimitOptions) {
  const plugin = rateLimit(rate);
  const { clock, runner, of } = bench({ use: [plugin] });
  const at: number[] = [];
  const work = tool('work', {}, (_input: unknown) => {
    at.push(clock.now());
    return 'done';
  });
  const call = (input?: unknown, deadline?: number): Promise<string> =>
    ending(runner.call(work, input, deadline === undefined ? {} : { deadline }));
  return { plugin, clock, runner, of, at, work, call };
}

const secondsOf = (at: readonly number[]): number[] => at.map((ms) => ms / 1_000);

describe('one 429', () => {
  const tooMany = (extra: object): Error => Object.assign(new Error('429'), { status: 429, ...extra });

  it.each([
    ['retryAfterMs', { retryAfterMs: 5_000 }, 5_000],
    ['Retry-After in seconds', { headers: { 'retry-after': '3' } }, 3_000],
    ['Retry-After of its response', { response: { headers: new Headers({ 'Retry-After': '2' }) } }, 2_000],
    ['nothing, by coolDown', {}, 1_000],
    ['Retry-After of 0', { headers: { 'retry-after': '0' } }, 0],
    ['a Retry-After that makes no sense', { headers: { 'retry-after': 'soon' } }, 1_000],
  ] as const)('that names %s lets everybody wait for that long', async (_, extra, ms) => {
    const { plugin, clock, runner, at, call, of } = setUp({ requests: '1000/s', burst: 1_000 });
    await call();
    await clock.until(failure(runner.call(tool('busy', {}, () => Promise.reject(tooMany(extra))))));
    expect(plugin.stats()['all']?.pausedMs).toBe(ms);
    await clock.until(Promise.all(times(10, call)));
    expect(at).toEqual([0, ...times(10, () => ms)]);
    expect(of('rate.pause').map(({ pool, pauseMs, name }) => ({ pool, pauseMs, name }))).toEqual(
      ms === 0 ? [] : [{ pool: 'all', pauseMs: ms, name: 'busy' }],
    );
  });

  it('pauses those of its key, and nobody else', async () => {
    const { clock, runner, at, call } = setUp({ requests: '1000/s', burst: 1_000, per: 'name' });
    const busy = tool('busy', {}, () => Promise.reject(tooMany({ retryAfterMs: 5_000 })));
    await clock.until(failure(runner.call(busy)));
    await clock.until(call());
    expect(at).toEqual([0]);
    await clock.until(failure(runner.call(busy)));
    expect(clock.now()).toBe(5_000);
  });

  it('that comes while others wait makes them wait on, and a shorter one never shortens a pause', async () => {
    const { clock, runner, at, call } = setUp('1/s');
    const answer = (ms: number) => tool('busy', {}, () => Promise.reject(tooMany({ retryAfterMs: ms })));
    const all = [ending(runner.call(answer(10_000))), call(), ending(runner.call(answer(500))), call()];
    await clock.until(Promise.all(all));
    expect(secondsOf(at)).toEqual([10, 12]);
  });

  it('is not one if core made it: local rejections pause nobody', async () => {
    const { plugin, clock, call } = setUp({ requests: '1/s', mode: 'reject' });
    expect(await clock.until(Promise.all(times(3, call)))).toEqual(['done', 'RATE_LIMITED', 'RATE_LIMITED']);
    expect(plugin.stats()['all']?.pausedMs).toBe(0);
  });
});

describe('by hand', () => {
  it('pause() lets nobody of a key go for so long', async () => {
    const { plugin, clock, at, call } = setUp({ requests: '10/s', burst: 10 });
    await call();
    plugin.pause('all', '10s');
    const all = times(3, call);
    expect(plugin.stats()['all']).toMatchObject({ pausedMs: 10_000, queued: 3 });
    await clock.until(Promise.all(all));
    expect(secondsOf(at)).toEqual([0, 10, 10, 10]);
  });

  it('correct() takes over what a service says remains, until it is reset', async () => {
    const { plugin, clock, at, call } = setUp({ requests: '100/s', burst: 100 });
    await call();
    plugin.correct('all', { requests: { remaining: 3, resetMs: 20_000 } });
    await clock.until(Promise.all(times(5, call)));
    expect(secondsOf(at)).toEqual([0, 0, 0, 0, 20, 20]);
  });
});

describe('a call that may not go yet', () => {
  it("is refused in mode 'reject', with how long it would have to wait, exactly", async () => {
    const { plugin, clock, call, runner, work, of, at } = setUp({ requests: '10/s', mode: 'reject' });
    await call();
    await clock.advance(30);
    const error = await failure(runner.call(work));
    expect(error).toMatchObject({
      code: 'RATE_LIMITED',
      retryable: false,
      retryAfterMs: 70,
      scope: 'tool:work',
      details: { pool: 'all', dimension: 'requests', waitMs: 70, limit: 10, perMs: 1_000 },
    });
    expect(error.message).toBe('Tool "work" would exceed 10 requests per 1000 ms of "all"; it may go in 70 ms');
    expect(of('rate.limited').map(({ waitMs, dimension }) => ({ waitMs, dimension }))).toEqual([
      { waitMs: 70, dimension: 'requests' },
    ]);
    await clock.advance(69);
    expect(await call()).toBe('RATE_LIMITED');
    await clock.advance(1);
    expect(await call()).toBe('done');
    expect(at).toEqual([0, 100]);
    expect(plugin.stats()['all']?.rejected).toBe(2);
  });

  it('is refused at once when it could go only after its deadline, and says so', async () => {
    const { clock, call, runner, work, at } = setUp('1/m');
    await call();
    const error = await failure(runner.call(work, undefined, { deadline: '10s' }));
    expect(clock.now()).toBe(0);
    expect(error).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 60_000 });
    expect(error.message).toContain('it may go in 60000 ms, and its deadline is in 10000 ms');
    await expect(clock.until(call(undefined, 60_001))).resolves.toBe('done');
    expect(secondsOf(at)).toEqual([0, 60]);
  });

  it('waits otherwise, in order, each exactly as long as it must, which an event says', async () => {
    const { clock, call, of } = setUp('10/s');
    await clock.until(Promise.all(times(3, call)));
    expect(of('rate.wait').map(({ waitMs, dimension, depth }) => [waitMs, dimension, depth])[0]).toEqual([
      ...[100, 'requests', 1],
    ]);
    expect(of('rate.wait')).toHaveLength(2);
  });

  it('gives up its place when it is stopped, and has taken nothing', async () => {
    const { plugin, clock, runner, work, at } = setUp('1/s');
    const stops = times(5, () => new AbortController());
    const all = stops.map(({ signal }, n) => ending(runner.call(work, n, { signal })));
    for (const n of [1, 2]) stops[n]?.abort(new Error('stopped'));
    await clock.until(Promise.all(all));
    expect(secondsOf(at)).toEqual([0, 1, 2]);
    expect(plugin.stats()['all']?.queued).toBe(0);
  });

  it('is refused when too many wait, or when it has waited for too long', async () => {
    const { clock, call } = setUp({ requests: '1/s', queue: { max: 3, timeout: 2_500 } });
    const ends = await clock.until(Promise.all(times(6, call)));
    expect(ends).toEqual(['done', 'done', 'done', 'QUEUE_TIMEOUT', 'QUEUE_FULL', 'QUEUE_FULL']);
    expect(clock.now()).toBe(2_500);
  });
});

describe('limits are told apart', () => {
  it('by a key, each with a rate of its own', async () => {
    const { plugin, clock, runner, work, at } = setUp({ requests: '1/s', per: ({ input }) => String(input) });
    await clock.until(Promise.all(['a', 'b', 'a', 'b', 'c'].map((key) => runner.call(work, key))));
    expect(secondsOf(at)).toEqual([0, 0, 0, 1, 1]);
    expect(Object.keys(plugin.stats())).toEqual(['a', 'b', 'c']);
  });

  it('and stand around tools and functions, and around a stage only if something is said of it', async () => {
    const { clock, runner, at, work } = setUp('1/s');
    const note = (): number => at.push(clock.now());
    const plain = pipeline('p').stage('plain', note);
    await clock.until(Promise.all([runner.run(plain), runner.run(plain), runner.call(work)]));
    expect(secondsOf(at)).toEqual([0, 0, 0]);
    const said = pipeline('p').stage('said', { rateLimit: { mode: 'wait' } }, note);
    await clock.until(runner.run(said));
    await clock.until(runner.wrap(note, { name: 'f' })());
    expect(secondsOf(at.slice(3))).toEqual([1, 2]);
  });
});
