import { type Call, type Context, defineInterceptor, type Next, Place, pipeline, tool } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { catchError, map, Observable, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { timeout } from './index.ts';
import { deaf, waiting } from './timeout-bench.test-kit.ts';
import { again, failure, hang, workbench } from './workbench.test-kit.ts';

// Each fails today.

const outside = defineInterceptor({
  name: 'outside',
  priority: Place.observe,
  intercept: (call, next) => next(call).pipe(map((value) => value)),
});

/** Repeats what fails after a while. */
const later = (attempts: number, ms: number) =>
  defineInterceptor({
    name: 'later',
    priority: Place.retry,
    intercept(call: Call, next: Next) {
      const attempt = (one: Call, left: number): Observable<unknown> =>
        next(one).pipe(
          catchError((error: unknown) =>
            left === 0
              ? throwError(() => error)
              : new Observable((to) =>
                  call.clock.schedule(ms, () => attempt(one.again({ error }), left - 1).subscribe(to)),
                ),
          ),
        );
      return attempt(call, attempts - 1);
    },
  });

describe('what a timeout tells', () => {
  it("B1 partial: 'resolve' means the same under an RxJS operator of a stranger outside it: a value", async () => {
    const { clock, runner, of } = workbench({ use: [outside, timeout({ total: 100, partial: 'resolve' })] });
    const half = tool('half', {}, (_: unknown, { partial, signal }: Context) => {
      partial(7);
      return hang(signal);
    });
    await clock.until(runner.call(half));
    expect(of('verdict').map(({ status }) => status)).toEqual(['timeout']);
  });

  it("B1 partial: 'resolve' means the same under an RxJS operator of a stranger outside it: a stream", async () => {
    const { clock, runner } = workbench({ use: [outside, timeout({ total: 100, partial: 'resolve' })] });
    const half = tool('half', {}, async function* (_: unknown, { signal }: Context) {
      yield 1;
      await hang(signal);
    });
    expect(await clock.until(runner.call(half))).toMatchObject({ partial: true, value: [1] });
  });

  it('two queue limits both end when the work starts', async () => {
    const { clock, runner } = workbench({
      use: [
        timeout({ name: 'a', total: 'none', queue: 100 }),
        timeout({ name: 'b', total: 'none', queue: 50 }),
        waiting(10),
      ],
    });
    const work = tool('work', {}, scripted([{ do: 'succeed', value: 1, after: 500 }], { clock }));
    await expect(clock.until(runner.call(work))).resolves.toBe(1);
  });

  it('settled is not true while an earlier attempt goes on, when the total passes between attempts', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 200, attempt: 50, grace: 10 }), later(3, 500)] });
    const error = await clock.until(
      failure(
        runner.call(
          tool(
            't',
            {},
            deaf(clock, 5_000, () => 1),
          ),
        ),
      ),
    );
    expect(runner.stats().orphans).toBe(1);
    expect(error.details).toMatchObject({ limit: 'total', settled: false });
    await clock.runAll();
    expect(error.details['settled']).toBe(true);
  });

  it('settled is not true while an earlier attempt goes on, when the total passes in a later one', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 120, attempt: 50, grace: 10 }), again(5)] });
    const first = deaf(clock, 5_000, () => 1);
    const work = tool('t', {}, (_: unknown, { attempt, signal }: Context) => (attempt === 1 ? first() : hang(signal)));
    const error = await clock.until(failure(runner.call(work)));
    expect(runner.stats().orphans).toBe(1);
    expect(error.details).toMatchObject({ limit: 'total', settled: false });
  });

  it('started is true of a call whose first attempt has run, also between attempts', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 200, attempt: 50 }), later(3, 500)] });
    const error = await clock.until(failure(runner.call(tool('t', {}, scripted([{ do: 'hang' }], { clock })))));
    expect(error.details).toMatchObject({ limit: 'total', started: true });
  });

  it('the error of the total names the attempt that was under way', async () => {
    const { clock, runner } = workbench({ use: [timeout({ total: 250, attempt: 100 }), again(9)] });
    const error = await clock.until(failure(runner.call(tool('t', {}, scripted([{ do: 'hang' }], { clock })))));
    expect(error.call?.attempt).toBe(3);
  });

  it('a cancelled call has what it had achieved on its error', async () => {
    const { clock, runner } = workbench({ use: [timeout()] });
    const controller = new AbortController();
    clock.schedule(50, () => controller.abort('stop'));
    const half = tool('half', {}, (_: unknown, { partial, signal }: Context) => {
      partial(7);
      return hang(signal);
    });
    const error = await clock.until(failure(runner.call(half, undefined, { signal: controller.signal })));
    expect(error.partial).toBe(7);
  });

  it('the partial result in the report is that on the error: emitted items that change after the end do not change it', async () => {
    const { clock, runner } = workbench({ use: [timeout()] });
    const item = { id: 1 };
    const shape = pipeline('p').stage('s', { timeout: 100 }, async function* (_, { signal }) {
      yield item;
      await hang(signal).catch(() => {});
      item.id = 99;
    });
    const run = runner.run(shape);
    const error = await clock.until(failure(run));
    expect(error.partial).toEqual([{ id: 1 }]);
    expect((await run.report).stages.s).toMatchObject({ partial: [{ id: 1 }] });
  });

  it.each([
    { total: 'none', queue: 100 },
    { attempt: 500, queue: 100 },
  ] as const)('stats count a queue timeout where there is no total: %j', async (limits) => {
    const { clock, runner } = workbench({ use: [timeout(limits), waiting(5_000)] });
    await clock.until(failure(runner.call(tool('t', {}, () => 1))));
    expect(runner.stats().interceptors['timeout']).toMatchObject({ 'tool:t': { timeout: 1 } });
  });

  it('stats show the limits of a tool, not those of the one call that said otherwise', async () => {
    const { clock, runner } = workbench({ use: [timeout(100)] });
    const t = tool('t', {}, () => 1);
    await clock.until(runner.call(t, undefined, { timeout: 600 }));
    await clock.until(runner.call(t));
    await clock.until(runner.call(t, undefined, { timeout: 600 }));
    expect(runner.stats().interceptors['timeout']).toMatchObject({ 'tool:t': { limits: { total: 100 } } });
  });

  it('timeout(null) is one issue, which says what is allowed', () => {
    try {
      timeout(null as never);
      expect.unreachable();
    } catch (error) {
      expect((error as { issues: unknown[] }).issues).toHaveLength(1);
      expect(String(error)).toContain('duration');
    }
  });
});
