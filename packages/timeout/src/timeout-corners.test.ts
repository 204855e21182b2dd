import { AsyncLocalStorage } from 'node:async_hooks';
import { type Call, createRunner, defineInterceptor, Place, pipeline, tool, within } from '@sluice/core';
import { leakLedger, virtualClock } from '@sluice/core/testing';
import { map, retry } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { adaptiveLimit, heartbeat, timeout, timeoutScope } from './index.ts';
import { again, failure, hang, workbench } from './workbench.test-kit.ts';

// What has settled wins against what is only settled in its turn.
const soonOf = (ended: Promise<unknown>): Promise<unknown> => Promise.race([ended, Promise.resolve('still running')]);
const any = (value: unknown): never => value as never;
const passing = defineInterceptor({
  name: 'passing',
  priority: Place.observe,
  intercept: (call, next) => next(call).pipe(map((value) => value)),
});
const hung = tool('hung', {}, (_: undefined, { signal }) => hang(signal));
const statsOf = (
  runner: { stats(): { interceptors: unknown } },
  plugin: string,
  target: string,
): Record<string, unknown> | undefined =>
  (runner.stats().interceptors as Record<string, Record<string, Record<string, unknown>>>)[plugin]?.[target];

describe('what must never happen', () => {
  it('a pause from a listener of the soft limit keeps the hard limit', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 'none', attempt: 100, soft: 50 })] });
    const asks = tool('asks', {}, (_: undefined, context) => {
      context.softDeadline.addEventListener(
        'abort',
        () => void clock.schedule(1_000, context.pause('more time, please')),
      );
      return hang(context.signal);
    });
    const ended = failure(runner.call(asks));
    await clock.advance(10_000);
    expect(await soonOf(ended)).toMatchObject({ scope: 'attempt' });
  });

  it("02 a nested call that is cancelled by a listener to its 'pause' leaves no clock around it standing", async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 'none', attempt: 100 })] });
    const controller = new AbortController();
    runner.events$.subscribe(({ type }) => type === 'pause' && controller.abort('no'));
    const inner = tool('inner', { timeout: 'none' }, (_: undefined, context) => {
      context.pause('waits');
      return hang(context.signal);
    });
    const outer = tool('outer', {}, async (_: undefined, context) => {
      await context.call(inner, undefined, { signal: controller.signal }).catch(() => {});
      return hang(context.signal);
    });
    const ended = failure(runner.call(outer));
    await clock.advance(10_000);
    expect(await soonOf(ended)).toMatchObject({ scope: 'attempt' });
  });

  it("03 partial: 'resolve' keeps the verdict timeout with an RxJS interceptor outside", async () => {
    const { clock, runner, of } = workbench({ use: [passing, timeout({ total: 50, partial: 'resolve' })] });
    const items = pipeline('p').stage('s', async function* (_, { signal }) {
      yield 1;
      yield 2;
      await hang(signal);
    });
    const report = await clock.until(runner.run(items).report);
    expect(of('verdict').map(({ status }) => status)).toEqual(['timeout']);
    expect(report.stages.s).toMatchObject({ status: 'timeout', value: { partial: true, value: [1, 2] } });
  });

  it('a retried nested call is heard by the heartbeat around it', async () => {
    const twice = defineInterceptor({
      name: 'twice',
      priority: Place.retry,
      applies: 'tool',
      intercept: (call, next) => next(call).pipe(retry(1)),
    });
    const { clock, runner, sleep } = workbench({ use: [twice, heartbeat()] });
    const inner = tool('inner', {}, async (_: undefined, context) => {
      if (context.attempt === 1) throw new Error('once more');
      for (let beat = 0; beat < 10; beat++) {
        await sleep(50);
        context.heartbeat();
      }
      return 'done';
    });
    const outer = tool('outer', { heartbeat: 100 }, (_: undefined, context) => context.call(inner));
    expect(await clock.until(runner.call(outer))).toBe('done');
  });

  it('work that blocks the loop past its attempt limit is told so, also with a total around it', async () => {
    const { clock, runner, of } = workbench({ use: [timeout({ total: '5s', attempt: 20 })] });
    const error = await clock.until(
      failure(
        runner.call(
          tool('hog', {}, (_: undefined, { signal }) => {
            clock.block(100);
            return hang(signal);
          }),
        ),
      ),
    );
    expect(error.details).toMatchObject({ lagMs: expect.any(Number) });
    expect(error.details['elapsedMs']).toBeGreaterThanOrEqual(100);
    expect(of('blocked')).toMatchObject([{ by: 'tool:hog' }]);
  });

  it('a handler whose answer cannot be looked at harms no other, and no scope inside', async () => {
    const clock = virtualClock();
    const scope = timeoutScope('scope', { timeout: 10, clock });
    const child = scope.child('child');
    const told: string[] = [];
    child.signal.addEventListener('abort', () => told.push('signal of child'));
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    scope.onTimeout(() => proxy);
    scope.onTimeout(() => told.push('second'));
    child.onTimeout(() => told.push('child'));
    await clock.advance(20);
    expect(told).toEqual(['second', 'signal of child', 'child']);
  });
});

describe('what is counted, told and kept', () => {
  it('callAll gets what a tool with partial: resolve has achieved', async () => {
    const { clock, runner } = workbench({ use: [timeout('none')] });
    const one = tool('one', { timeout: { total: 50, partial: 'resolve' } }, (_: undefined, context) => {
      context.partial(1);
      return hang(context.signal);
    });
    const all = tool('all', {}, (_: undefined, context) => context.callAll([[one]]));
    expect(await clock.until(runner.call(all))).toMatchObject([{ partial: true, value: 1 }]);
  });

  it("08 a tool that an outer limit has stopped is counted as 'cancelled', as its verdict says", async () => {
    const { clock, runner, of } = workbench({ use: [timeout(1_000)] });
    await clock.until(
      failure(runner.call(tool('outer', { timeout: 100 }, (_: undefined, context) => context.call(hung)))),
    );
    expect(of('verdict').map(({ status }) => status)).toEqual(['cancelled', 'timeout']);
    expect(statsOf(runner, 'timeout', 'tool:hung')).toMatchObject({ timeout: 0, cancelled: 1 });
  });

  it('what an adaptive limit learns leaves out the pauses, as the limit does', async () => {
    const { clock, runner, sleep } = workbench({
      use: [timeout({ attempt: adaptiveLimit({ warmup: 1, min: 10, max: '1h' }) })],
    });
    await clock.until(
      runner.call(
        tool('asks', {}, async (_: undefined, context) => {
          await sleep(20);
          const resume = context.pause('waits for consent');
          await sleep(600_000);
          resume();
        }),
      ),
    );
    expect(statsOf(runner, 'timeout', 'tool:asks')).toMatchObject({ limits: { attempt: expect.closeTo(30, -1) } });
  });

  it('two plugins with a queue limit both end at the start of the work', async () => {
    const { clock, runner, sleep } = workbench({
      use: [timeout({ name: 'a', total: 'none', queue: 50 }), timeout({ name: 'b', total: 'none', queue: 60 })],
    });
    expect(await clock.until(runner.call(tool('slow', {}, () => sleep(200).then(() => 'done'))))).toBe('done');
  });

  it('a soft limit that is noticed exactly at the hard one warns, and the hard one says the truth', async () => {
    const { clock, runner, of } = workbench({ use: [timeout({ total: 'none', attempt: 100, soft: 50 })] });
    const ended = failure(runner.call(hung));
    await clock.advance(10);
    clock.block(70); // 30 late, hence the second chance of 20: at 100
    expect((await clock.until(ended)).details).toMatchObject({ limitMs: 100, elapsedMs: 100 });
    expect(of('timeout.soft')).toHaveLength(1);
  });

  it('a listener that cancels at the heartbeat that waited leaves no timer behind', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout('none'), heartbeat(100)] });
    const ledger = leakLedger();
    const controller = new AbortController();
    let told = 0;
    runner.events$.subscribe(({ type }) => type === 'heartbeat' && ++told === 2 && controller.abort('enough'));
    const beats = tool('beats', {}, async (_: undefined, context) => {
      const over = hang(context.signal);
      over.catch(() => {});
      context.heartbeat(1);
      await sleep(10);
      context.heartbeat(2);
      return over;
    });
    failure(runner.call(beats, undefined, { signal: controller.signal }));
    await clock.advance(85);
    ledger.assertEmpty();
  });

  it('a pause in a listener to the heartbeat that waited holds the clock', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout('none'), heartbeat(100)] });
    let told = 0;
    const beats = tool('beats', {}, async (_: undefined, context) => {
      runner.events$.subscribe(({ type }) => type === 'heartbeat' && ++told === 2 && context.pause('waits'));
      context.heartbeat(1);
      await sleep(10);
      context.heartbeat(2);
      await sleep(500);
      return 'done';
    });
    expect(await clock.until(runner.call(beats))).toBe('done');
  });

  it('items and nested beats count as last heard from, in the facts of every limit', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout({ total: 1_000 }), heartbeat(300)] });
    const emits = tool('emits', {}, async function* () {
      for (;;) {
        await sleep(90);
        yield 1;
      }
    });
    const error = await clock.until(failure(runner.call(emits)));
    expect(error.details).toMatchObject({ idle: { limitMs: 300, silentMs: 10 }, lastSignMs: 10 });
    const calls = tool('calls', {}, (_: undefined, context) =>
      context.call(
        tool('inner', { timeout: 'none' }, async (_i: undefined, { heartbeat: beat, signal }) => {
          while (!signal.aborted) {
            await sleep(90);
            beat();
          }
        }),
      ),
    );
    expect((await clock.until(failure(runner.call(calls)))).remediation).not.toContain('no sign of life');
  });

  it('what an earlier attempt said of itself, or had achieved in a nested call, is not told of the next', async () => {
    const { clock, runner } = workbench({ use: [again(2), timeout({ attempt: 100 })] });
    const inner = tool('inner', {}, (_: undefined, context) => context.partial('of attempt 1'));
    const twice = tool('twice', {}, async (_: undefined, context) => {
      if (context.attempt === 2) return hang(context.signal);
      context.progress(0.9);
      context.heartbeat('of attempt 1');
      await context.call(inner);
      throw new Error('once more');
    });
    const error = await clock.until(failure(runner.call(twice)));
    expect(error.details).not.toHaveProperty('progress');
    expect(error.details).not.toHaveProperty('heartbeat');
    expect(error.partial).toBeUndefined();
  });

  it('an update that the factory would have refused is refused', () => {
    const runner = createRunner({ use: [timeout({ total: '30s' })] });
    expect(() => createRunner({ use: [timeout({ total: '5s', attempt: '10s' })] })).toThrow();
    expect(() => runner.update({ timeout: { total: '5s', attempt: '10s' } })).toThrow();
  });

  it('the limits in stats are those of the target, not those of a single call that asked for others', async () => {
    const { clock, runner } = workbench({ use: [timeout('30s')] });
    const quick = tool('quick', {}, () => 1);
    await clock.until(runner.call(quick));
    await clock.until(runner.call(quick, undefined, { timeout: '1s' }));
    await clock.until(runner.call(quick));
    expect(statsOf(runner, 'timeout', 'tool:quick')).toMatchObject({ limits: { total: 30_000 } });
  });

  it('handlers and signals of a scope run in the AsyncLocalStorage context of its maker', async () => {
    const store = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const clock = virtualClock();
    for (const name of ['one', 'two'])
      store.run(name, () => timeoutScope(name, { timeout: 30, clock }).onTimeout(() => seen.push(store.getStore())));
    await clock.advance(50);
    expect(seen).toEqual(['one', 'two']);
  });

  it('an extend, sign or after that throws is reported, and the limit holds', async () => {
    const strange = defineInterceptor({
      name: 'strange',
      priority: Place.attempt,
      intercept: (call: Call, next) =>
        within(
          call,
          {
            limit: 50,
            name: 'x',
            extend: () => {
              throw new Error('boom');
            },
          },
          next,
        ),
    });
    const { clock, runner } = workbench({ use: [strange] });
    const ended = failure(runner.call(hung));
    await clock.advance(500);
    expect(await soonOf(ended)).toMatchObject({ code: 'TIMEOUT' });
  });

  it('a limit of 0 is not overtaken by what its event sets off', async () => {
    const { clock, runner } = workbench({ use: [timeout(0)] });
    const controller = new AbortController();
    runner.events$.subscribe(({ type }) => type === 'timeout' && controller.abort('no'));
    expect((await clock.until(failure(runner.call(hung, undefined, { signal: controller.signal })))).code).toBe(
      'TIMEOUT',
    );
  });

  it('after its end a call without a limit has no deadline at 0; one with a soft limit names the hard one', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout({ total: 'none', attempt: 50, soft: 20, grace: 10 })] });
    const seen: number[] = [];
    await clock.until(
      runner.call(
        tool('quick', {}, async (_: undefined, context) => {
          await sleep(10);
          clock.schedule(100, () => seen.push(context.deadline.at));
        }),
      ),
    );
    await clock.advance(200);
    expect(seen).toEqual([50]);
  });

  it('each problem is told once', () => {
    const count = (make: () => unknown): number => {
      try {
        make();
        return 0;
      } catch (error) {
        return (error as { issues: unknown[] }).issues.length;
      }
    };
    expect(count(() => timeout(any(null)))).toBe(1);
    expect(count(() => createRunner({ use: [timeout()] }).update({ timeout: { totl: 1 } as never }))).toBe(1);
  });

  it('a proxy that was revoked, as the limit of an attempt, is a ConfigError', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(() => timeout({ attempt: any(proxy) })).toThrow(/timeout\.attempt: expected/);
  });

  it('what comes with a heartbeat is as it was then', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout('none'), heartbeat(100)] });
    const state = { page: 1 };
    const error = await clock.until(
      failure(
        runner.call(
          tool('beats', {}, async (_: undefined, context) => {
            context.heartbeat(state);
            await sleep(50);
            state.page = 99;
            return hang(context.signal);
          }),
        ),
      ),
    );
    expect(error.message).toContain('{"page":1}');
  });

  it('a scope has timed out before anybody hears of it, its logger included', async () => {
    const clock = virtualClock();
    const seen: string[] = [];
    const logger = {
      debug() {},
      info() {},
      error() {},
      warn: () => {
        seen.push(scope.status);
        scope.complete();
      },
    };
    const scope = timeoutScope('scope', { timeout: 10, clock, logger });
    await clock.advance(20);
    expect([...seen, scope.status]).toEqual(['timeout', 'timeout']);
  });

  it('a limit with more warm-up than it remembers stays warm', () => {
    const limit = adaptiveLimit({ warmup: 3_000, max: '10s' });
    const subject = { target: 'tool', name: 'quick' };
    for (let call = 0; call < 5_000; call++) limit.of(subject).learn(100);
    expect(limit.describe(subject)).not.toContain('until it has learned');
  });

  it('a target that is called all the time is not forgotten because there were 1,000 others', async () => {
    const { clock, runner } = workbench({ use: [timeout('1m')] });
    const hot = tool('hot', {}, () => 1);
    for (let index = 0; index <= 1_000; index++) {
      await clock.until(runner.call(hot));
      await clock.until(runner.call(tool(`other-${index}`, {}, () => 1)));
    }
    expect(statsOf(runner, 'timeout', 'tool:hot')).toMatchObject({ ok: 1_001 });
  });

  it('a revoked proxy as a reason stops what it should', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const scope = timeoutScope('scope', { timeout: 'none' });
    try {
      scope.cancel(proxy);
    } catch {}
    const { status } = scope;
    scope.complete();
    expect(status).toBe('cancelled');
  });

  it('the limit that has passed tells how long its work took', async () => {
    const seen: unknown[] = [];
    const watching = defineInterceptor({
      name: 'watching',
      priority: Place.attempt,
      intercept: (call, next) => within(call, { limit: 50, name: 'x', ended: (...end) => seen.push(end) }, next),
    });
    const { clock, runner } = workbench({ use: [watching] });
    await clock.until(failure(runner.call(hung)));
    expect(seen).toEqual([['timeout', 50, 0]]);
  });

  it('two plugins of one name both have their stats', async () => {
    const { clock, runner } = workbench({
      use: [timeout({ total: 'none', attempt: 20, applies: 'tool' }), timeout({ total: 50, applies: 'stage' })],
    });
    await clock.until(failure(runner.call(hung)));
    expect(JSON.stringify(runner.stats().interceptors)).toContain('tool:hung');
  });
});
