import { systemClock } from '@sluice/core';
import { leakLedger, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type TimeoutScope, timeoutScope } from './timeout-scope.ts';
import { failure, hang } from './workbench.test-kit.ts';

let ledger = leakLedger();
let clock = virtualClock();
beforeEach(() => {
  ledger = leakLedger();
  clock = virtualClock();
});
afterEach(() => {
  vi.unstubAllEnvs();
  ledger.assertEmpty();
});

/** A logger that keeps what it is told at warn. */
const listening = () => {
  const lines: { readonly facts: object; readonly message: string }[] = [];
  const logger = {
    debug(): void {},
    info(): void {},
    error(): void {},
    warn: (facts: object, message = ''): void => void lines.push({ facts, message }),
  };
  return { logger, lines };
};

const flushed = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a timeout scope', () => {
  it('tells its name, its path, what is left of it, and for how long it has been going on', async () => {
    const outer = timeoutScope('outer', { timeout: '10s', clock });
    await clock.advance(1_000);
    const inner = outer.child('inner', { timeout: 500 });
    await clock.advance(200);
    expect([outer.name, outer.path, outer.parent]).toEqual(['outer', 'outer', undefined]);
    expect([inner.name, inner.path, inner.parent]).toEqual(['inner', 'outer/inner', outer]);
    expect([outer.remaining(), outer.elapsed(), outer.remaining('inner'), outer.remaining('outer')]).toEqual([
      8_800, 1_200, 300, 8_800,
    ]);
    expect([inner.remaining(), inner.elapsed(), outer.get('inner'), outer.get('nobody')]).toEqual([
      300,
      200,
      inner,
      undefined,
    ]);
    expect(outer.remaining('nobody')).toBe(0);
    outer.complete();
    await clock.advance(5_000);
    expect([outer.remaining(), outer.elapsed(), inner.remaining()]).toEqual([0, 1_200, 0]);
  });

  it('times out at its limit, never early, with an error that says whose it was and what to do', async () => {
    const scope = timeoutScope('index', { timeout: '2s', clock });
    scope.partial({ pages: 7 });
    await clock.advance(1_999);
    expect(scope.status).toBe('active');
    await clock.advance(1);
    expect(scope.status).toBe('timeout');
    expect(scope.error).toMatchObject({
      code: 'TIMEOUT',
      scope: 'index',
      verdict: 'timeout',
      retryable: false,
      message: 'Scope "index" exceeded its timeout of 2000 ms',
      partial: { pages: 7 },
      details: { timeout_seconds: 2, limit: 'scope', limitMs: 2_000, elapsedMs: 2_000 },
    });
    expect(scope.error?.remediation).toContain('"index"');
  });

  it('says how late it was when the event loop was blocked', async () => {
    const scope = timeoutScope('late', { timeout: 100, clock });
    await clock.advance(10);
    clock.block(500);
    await clock.advance(30);
    expect(scope.error?.details).toMatchObject({ limitMs: 100, lagMs: 430, elapsedMs: 530 });
  });

  it('of 0 is over before it begins; of none it never is; and it may be as long as one likes', async () => {
    const never = timeoutScope('never', { timeout: 0, clock });
    expect([never.status, never.signal.aborted, never.remaining()]).toEqual(['timeout', true, 0]);
    const work = vi.fn();
    await expect(never.run(work)).rejects.toBe(never.error);
    expect(work).not.toHaveBeenCalled();
    const free = timeoutScope('free', { timeout: 'none', clock });
    const long = timeoutScope('long', { timeout: '30d', clock });
    await clock.advance(30 * 86_400_000 - 1);
    expect([free.status, long.status, free.remaining()]).toEqual(['active', 'active', Number.POSITIVE_INFINITY]);
    await clock.advance(1);
    expect([free.status, long.status]).toEqual(['active', 'timeout']);
    free.cancel();
  });

  it('aborts its signal with its error, whenever that is read, but not when it completes', async () => {
    const early = timeoutScope('early', { timeout: 100, clock });
    const { signal } = early;
    const late = timeoutScope('late', { timeout: 100, clock });
    const done = timeoutScope('done', { timeout: 100, clock });
    done.complete();
    await clock.advance(100);
    expect([signal.aborted, signal.reason === early.error]).toEqual([true, true]);
    expect([late.signal.aborted, late.signal.reason === late.error]).toEqual([true, true]);
    expect([done.signal.aborted, done.error]).toEqual([false, undefined]);
    expect(early.signal).toBe(signal);
  });

  it('is cancelled with the reason that was given: itself if that is a cancellation, else as the cause', () => {
    const one = timeoutScope('one', { timeout: 100, clock });
    one.cancel('not wanted');
    expect(one.error).toMatchObject({ code: 'CANCELLED', verdict: 'cancelled', scope: 'one', cause: 'not wanted' });
    const two = timeoutScope('two', { timeout: 100, clock });
    two.cancel(one.error);
    expect(two.error).toBe(one.error);
  });

  it('keeps copies of what was achieved, the last one, while it is active', async () => {
    const scope = timeoutScope('s', { timeout: 100, clock });
    expect(scope.partial()).toBeUndefined();
    const pages = [1, 2];
    expect(scope.partial(pages)).toEqual([1, 2]);
    pages.push(3);
    expect(scope.partial(() => {})).toEqual([1, 2]);
    await clock.advance(100);
    expect(scope.partial('too late')).toEqual([1, 2]);
    expect(scope.error?.partial).toEqual([1, 2]);
  });
});

describe('the work of a scope', () => {
  it('gives what it gives, and does not complete the scope', async () => {
    const scope = timeoutScope('s', { timeout: 100, clock });
    await expect(scope.run(() => 1)).resolves.toBe(1);
    await expect(scope.run(async ({ name }) => name)).resolves.toBe('s');
    await expect(scope.run(() => Promise.reject(new Error('boom')))).rejects.toThrow('boom');
    const thrown = scope.run(() => {
      throw new Error('at once');
    });
    await expect(thrown).rejects.toThrow('at once');
    expect(scope.status).toBe('active');
    scope.complete();
  });

  it('is rejected with the error of the scope when that ends, whatever it does then, and leaves no rejection behind', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const scope = timeoutScope('s', { timeout: 100, clock });
    const deaf = scope.run(() => new Promise((resolve) => clock.schedule(1_000, () => resolve('late'))));
    const fails = scope.run(() => new Promise((_, reject) => clock.schedule(1_000, () => reject(new Error('late')))));
    const obedient = scope.run(({ signal }) => hang(signal));
    const errors = await clock.until(Promise.all([failure(deaf), failure(fails), failure(obedient)]));
    expect(clock.now()).toBe(100);
    expect(errors).toEqual([scope.error, scope.error, scope.error]);
    await clock.runAll();
    await flushed();
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('that ends in the very millisecond of the limit wins', async () => {
    const scope = timeoutScope('s', { timeout: 100, clock });
    const work = scope.run(() => new Promise((resolve) => clock.schedule(100, () => resolve('just'))));
    await expect(clock.until(work.finally(() => scope.complete()))).resolves.toBe('just');
    await clock.runAll();
    expect(scope.status).toBe('completed');
  });

  it('may be many works, a thousand at once, and no timer is kept for them', async () => {
    const scope = timeoutScope('s', { timeout: 100, clock });
    const works = Array.from({ length: 1_000 }, (_, n) => scope.run(async () => n));
    expect((await Promise.all(works)).at(-1)).toBe(999);
    scope.complete();
    await clock.advance(1);
    expect(clock.pending).toBe(0);
  });
});

describe('what is to happen when a scope times out', () => {
  it('happens in order, each once, with the error; outer scopes first, and not when it completes', async () => {
    const heard: string[] = [];
    const say = (text: string, scope: TimeoutScope) => scope.onTimeout((error) => heard.push(`${text} ${error.scope}`));
    const outer = timeoutScope('outer', { timeout: 100, clock });
    const inner = outer.child('inner');
    say('inner 1', inner);
    say('outer 1', outer);
    say('outer 2', outer);
    say('inner 2', inner);
    say('taken back', outer)();
    const done = timeoutScope('done', { timeout: 100, clock });
    say('done', done);
    done.complete();
    const stopped = timeoutScope('stopped', { timeout: 100, clock });
    say('stopped', stopped);
    stopped.cancel();
    await clock.advance(500);
    expect(heard).toEqual(['outer 1 outer', 'outer 2 outer', 'inner 1 outer', 'inner 2 outer']);
    say('afterwards', outer);
    say('too late', done);
    expect(heard.at(-1)).toBe('afterwards outer');
  });

  it('harms nothing else by throwing or rejecting: the others happen, and it is said', async () => {
    const { logger, lines } = listening();
    const scope = timeoutScope('s', { timeout: 100, clock, logger });
    const heard: number[] = [];
    scope.onTimeout(() => heard.push(1));
    scope.onTimeout(() => {
      throw new Error('boom');
    });
    scope.onTimeout(async () => Promise.reject(new Error('bang')));
    scope.onTimeout(() => heard.push(2));
    await clock.advance(100);
    await flushed();
    expect([heard, scope.status]).toEqual([[1, 2], 'timeout']);
    const said = lines.map(({ message }) => message);
    expect(said[0]).toBe('Scope "s" exceeded its timeout of 100 ms');
    expect(said.slice(1)).toEqual(Array(2).fill('A timeout handler of scope "s" threw'));
    expect(lines.slice(1).map(({ facts }) => (facts as { err: Error }).err.message)).toEqual(['boom', 'bang']);
  });

  it('is a warning of the process when there is no logger, or one that throws', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const broken = { debug() {}, info() {}, error() {}, warn: () => expect.fail('no logging today') };
    for (const logger of [undefined, broken]) {
      const scope = timeoutScope('s', { timeout: 100, clock, logger });
      scope.onTimeout(() => {
        throw new Error('boom');
      });
      await clock.advance(100);
      expect(scope.status).toBe('timeout');
      expect(warned.mock.lastCall?.[0]).toContain('A timeout handler of scope "s" threw');
    }
    warned.mockRestore();
  });

  it('is waited for by whoever disposes of it, no longer than its grace', async () => {
    const { logger, lines } = listening();
    const dispose = async (takes: number): Promise<number> => {
      const scope = timeoutScope('s', { timeout: 100, grace: 200, clock, logger });
      scope.onTimeout(() => new Promise<void>((resolve) => clock.schedule(takes, resolve)));
      await clock.advance(100);
      const from = clock.now();
      await clock.until(scope[Symbol.asyncDispose]());
      return clock.now() - from;
    };
    expect(await dispose(150)).toBe(150);
    expect(lines).toHaveLength(1);
    expect(await dispose(10_000)).toBe(200);
    expect(lines.at(-1)?.message).toBe('Scope "s" has handlers that have not ended in time');
    await clock.runAll();
  });
});

describe('a scope that is made wrongly', () => {
  it.each([
    ['', { timeout: 1 }, 'name'],
    ['  ', { timeout: 1 }, 'name'],
    ['s', {}, 'timeoutScope.timeout'],
    ['s', { timeout: 'soon' }, 'timeoutScope.timeout'],
    ['s', { timeout: -1 }, 'timeoutScope.timeout'],
    ['s', { timeout: Number.NaN }, 'timeoutScope.timeout'],
    ['s', { timeout: Number.POSITIVE_INFINITY }, "'none'"],
    ['s', { timeout: 1, grace: 'x' }, 'timeoutScope.grace'],
    ['s', { timeout: 1, parent: {} }, 'timeoutScope.parent'],
    ['s', { timeout: 1, clock: {} }, 'timeoutScope.clock'],
    ['s', { timeout: 1, logger: {} }, 'timeoutScope.logger'],
    ['s', { timeout: 1, timeouts: 'maybe' }, 'timeoutScope.timeouts'],
    ['s', { timeot: 1 }, 'timeout'],
    [7, null, 'options'],
  ])('(%j, %j) is refused: %s', (name, options, what) => {
    const make = (): unknown => timeoutScope(name as never, options as never);
    expect(make).toThrow(expect.objectContaining({ code: 'CONFIG' }));
    expect(make).toThrow(what);
  });

  it('leaves nothing behind, and a handler must be a function', () => {
    const scope = timeoutScope('s', { timeout: '1h' });
    expect(() => scope.child('c', { timout: 1 } as never)).toThrow('timeout');
    expect(() => scope.onTimeout('x' as never)).toThrow(TypeError);
    expect(scope.get('c')).toBeUndefined();
    scope.complete();
  });
});

it('scopes take their time from the system unless they are told otherwise, and listen to SLUICE_TIMEOUTS', async () => {
  vi.stubEnv('SLUICE_TIMEOUTS', 'off');
  const off = timeoutScope('off', { timeout: 0 });
  const on = timeoutScope('on', { timeout: 0, timeouts: 'on' });
  expect([off.status, on.status, off.remaining()]).toEqual(['active', 'timeout', Number.POSITIVE_INFINITY]);
  expect(off.settings.clock).toBe(systemClock);
  expect(off.child('child', { timeout: 0 }).status).toBe('active');
  off.complete();
});
