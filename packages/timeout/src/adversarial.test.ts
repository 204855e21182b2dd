import { isSluiceError, pipeline, RetryExhaustedError, tool } from '@sluice/core';
import { simulate } from '@sluice/core/testing';
import { catchError, Observable, type Subscriber, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { heartbeat, timeout } from './index.ts';
import { played, randomScript, workedOut } from './time-model.test-kit.ts';
import { nothingIsLeft } from './timeout-bench.test-kit.ts';
import { again, failure, hang, workbench } from './workbench.test-kit.ts';

nothingIsLeft();

const unlimited = timeout('none');

describe('limits, pauses, signs of life and nested calls at random', () => {
  it('end a call at the moment, and warn it at the moment, that can be worked out on paper', async () => {
    await simulate({
      runs: 1_000,
      async program(simulation) {
        const script = randomScript(simulation);
        expect(await played(script, simulation), JSON.stringify(script)).toEqual(workedOut(script));
      },
    });
  });
});

describe('what is set off by a limit that is just passing comes after it', () => {
  it('when a listener cancels the call: it stays a timeout, and is counted as one', async () => {
    const { clock, runner, of } = workbench({ use: [timeout(10)] });
    const controller = new AbortController();
    runner.events$.subscribe(({ type }) => type === 'timeout' && controller.abort('too late'));
    const call = runner.call(
      tool('slow', {}, (_: undefined, { signal }) => hang(signal)),
      undefined,
      { signal: controller.signal },
    );
    expect((await clock.until(failure(call))).code).toBe('TIMEOUT');
    expect(of('verdict').map(({ status }) => status)).toEqual(['timeout']);
    expect(runner.stats().interceptors).toMatchObject({ timeout: { 'tool:slow': { timeout: 1, cancelled: 0 } } });
  });

  it.each(['value', 'end', 'error'] as const)('when a listener makes the work give its %s', async (what) => {
    const { clock, runner } = workbench({ use: [timeout(10)] });
    let emit: Subscriber<string> | undefined;
    runner.events$.subscribe(({ type }) => {
      if (type !== 'timeout') return;
      if (what === 'error') emit?.error(new Error('too late'));
      else emit?.next('too late');
      if (what === 'end') emit?.complete();
    });
    const work = () =>
      new Observable<string>((subscriber) => {
        emit = subscriber;
      });
    const source = tool('source', {}, work);
    const error = await clock.until(failure(runner.call(source)));
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'tool:source' });
    expect(error.partial).toBeUndefined();
  });

  it('when the work beats, pauses, reports and calls from within its abort: all of it is ignored', async () => {
    const { clock, runner, of } = workbench({ use: [timeout(10), heartbeat('1h')] });
    const called: unknown[] = [];
    const inner = tool('inner', {}, () => called.push('inner'));
    const late = tool('late', {}, (_: undefined, context) => {
      context.partial('in time');
      context.signal.addEventListener('abort', () => {
        context.heartbeat('late');
        context.progress(1);
        context.partial('late');
        context.pause('late')();
        context.call(inner).catch((error: unknown) => called.push(isSluiceError(error, 'CANCELLED')));
      });
      return hang(context.signal);
    });
    const error = await clock.until(failure(runner.call(late)));
    await clock.advance(0);
    expect(error.partial).toBe('in time');
    expect(error.details).not.toHaveProperty('heartbeat');
    expect(called).toEqual([true]);
    expect(of('pause')).toEqual([]);
    expect(of('progress')).toEqual([]);
    expect(runner.stats().interceptors).toMatchObject({ heartbeat: { 'tool:late': { beats: 0, ignored: 1 } } });
  });
});

describe('a soft limit', () => {
  it('whose listener stops the call leaves no hard limit behind', async () => {
    const { clock, runner, of } = workbench({ use: [timeout({ total: 'none', attempt: 100, soft: 50 })] });
    const controller = new AbortController();
    const warned = tool('warned', {}, (_: undefined, { signal, softDeadline }) => {
      softDeadline.addEventListener('abort', () => controller.abort('enough'));
      return hang(signal);
    });
    const error = await clock.until(failure(runner.call(warned, undefined, { signal: controller.signal })));
    expect(error).toMatchObject({ code: 'CANCELLED', cause: 'enough' });
    expect(clock.now()).toBe(50);
    expect(of('timeout')).toEqual([]);
  });

  it('that has passed is known to what is called after it, and not to the next attempt', async () => {
    const { clock, runner, sleep } = workbench({ use: [unlimited, again(2)] });
    const inner = tool('inner', {}, (_: undefined, { softDeadline }) => softDeadline.aborted);
    const seen: boolean[] = [];
    const outer = tool('outer', { timeout: { attempt: 100, soft: 50 } }, async (_: undefined, context) => {
      seen.push(await context.call(inner));
      await sleep(60);
      seen.push(await context.call(inner));
      if (context.attempt === 1) throw new Error('once more');
    });
    await clock.until(runner.call(outer));
    expect(seen).toEqual([false, true, false, true]);
  });

  it.each([
    [{ attempt: 100, soft: 100 }, [], 'attempt', 100],
    [{ attempt: 100, soft: 200 }, [], 'attempt', 100],
    [{ attempt: 100, soft: 0 }, [0], 'attempt', 100],
    [{ attempt: 0, soft: 0 }, [], 'attempt', 0],
    [{ total: 100, soft: 50 }, [50], 'tool:slow', 100],
    [{ total: 50, soft: 50 }, [], 'tool:slow', 50],
  ] as const)('of %o warns at %o, and %s ends it at %d', async (limits, warnings, scope, end) => {
    const { clock, runner, of } = workbench({ use: [timeout(limits)] });
    const slow = tool('slow', {}, (_: undefined, { signal }) => hang(signal));
    expect((await clock.until(failure(runner.call(slow)))).scope).toBe(scope);
    expect(of('timeout.soft').map(({ at }) => at)).toEqual(warnings);
    expect(clock.now()).toBe(end);
  });
});

describe('a pause', () => {
  it('that begins in the very turn of the limit holds it, and it passes as soon as the pause is over', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout({ attempt: 100 })] });
    const late = tool('late', {}, async (_: undefined, context) => {
      await sleep(100);
      const resume = context.pause('at the last moment');
      await sleep(300);
      resume();
      return hang(context.signal);
    });
    const error = await clock.until(failure(runner.call(late)));
    expect(clock.now()).toBe(400);
    expect(error.details).toMatchObject({ limitMs: 100, elapsedMs: 400, pausedMs: 300 });
  });

  it('of an attempt that has ended cannot be ended a second time, nor at the cost of the next', async () => {
    const { clock, runner, sleep, of } = workbench({ use: [again(2), timeout({ attempt: 100 })] });
    const resumes: (() => void)[] = [];
    const twice = tool('twice', {}, async (_: undefined, context) => {
      resumes.push(context.pause('waits'));
      await sleep(10);
      if (context.attempt === 1) throw new Error('once more');
      resumes[0]?.();
      await sleep(500);
      resumes[1]?.();
      resumes[1]?.();
      return hang(context.signal);
    });
    await clock.until(failure(runner.call(twice)));
    expect(clock.now()).toBe(620);
    for (const resume of resumes) resume();
    expect(of('resume').map(({ pausedMs }) => pausedMs)).toEqual([10, 510]);
  });

  it('in a run in a stage holds the clocks of that stage', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout({ attempt: 100 }), heartbeat(80)] });
    const child = pipeline('child').stage(
      'asks',
      { timeout: 'none', heartbeat: 'none' },
      async (_, context): Promise<string> => {
        const resume = context.pause('waits');
        await sleep(500);
        resume();
        return 'yes';
      },
    );
    const parent = pipeline('parent').stage('outer', async (_, context) => (await context.run(child)).asks);
    expect(await clock.until(runner.run(parent))).toEqual({ outer: 'yes' });
  });

  it('or a beat of a call of another runner is not one of this', async () => {
    const { clock, runner, sleep } = workbench({ use: [timeout({ attempt: 90 }), heartbeat(80)] });
    const other = workbench({ clock, use: [heartbeat()] });
    const inner = tool('inner', {}, async (_: undefined, context) => {
      const resume = context.pause('waits');
      await sleep(50);
      context.heartbeat();
      await sleep(100);
      resume();
    });
    const outer = tool('outer', {}, () => other.runner.call(inner));
    expect((await clock.until(failure(runner.call(outer)))).code).toBe('HEARTBEAT_LOST');
    await clock.advance(100);
  });
});

describe('heartbeats', () => {
  it('that a listener to heartbeats answers with heartbeats are told one in so long, and none is lost count of', async () => {
    const { clock, runner, sleep, of } = workbench({ use: [unlimited, heartbeat(100)] });
    const echo = tool('echo', {}, async (_: undefined, context) => {
      const subscription = runner.events$.subscribe(({ type }) => {
        if (type === 'heartbeat') for (let beat = 0; beat < 10; beat++) context.heartbeat('echo');
      });
      context.heartbeat('first');
      await sleep(200);
      subscription.unsubscribe();
    });
    await clock.until(runner.call(echo));
    expect(of('heartbeat').map(({ at }) => at)).toEqual([0, 80, 160]);
    expect(runner.stats().interceptors).toMatchObject({ heartbeat: { 'tool:echo': { beats: 31, lost: 0 } } });
  });
});

describe("partial: 'resolve'", () => {
  const resolving = timeout({ total: 100, partial: 'resolve' });
  const untold = tool('untold', {}, (_: undefined, context) => {
    if (context.attempt === 2) context.partial('something');
    return hang(context.signal);
  });

  it('inside a retry repeats what has achieved nothing, and answers what has', async () => {
    const repeat = { ...again(2), priority: 5 };
    const { clock, runner } = workbench({ use: [repeat, resolving] });
    expect(await clock.until(runner.call(untold))).toMatchObject({ partial: true, value: 'something' });
    expect(clock.now()).toBe(200);
  });

  it('answers also when what gave up inside says with an error of its own that it timed out', async () => {
    const { clock, runner, of } = workbench({
      use: [
        {
          name: 'exhausted',
          priority: 45,
          intercept: (call, next) =>
            next(call).pipe(
              catchError((cause) =>
                throwError(() => new RetryExhaustedError('gave up', { cause, verdict: cause.verdict })),
              ),
            ),
        },
        again(2),
        timeout({ attempt: 40, partial: 'resolve' }),
      ],
    });
    const result = await clock.until(runner.call(untold));
    expect(result).toMatchObject({ partial: true, value: 'something', error: { code: 'RETRY_EXHAUSTED' } });
    expect(of('verdict').map(({ status }) => status)).toEqual(['timeout']);
  });

  it('does not answer for work that fails with the timeout of another call', async () => {
    const { clock, runner } = workbench({ use: [resolving] });
    const inner = tool('inner', { timeout: { total: 50, partial: 'reject' } }, (_: undefined, context) => {
      context.partial('of the inner');
      return hang(context.signal);
    });
    const outer = tool('outer', {}, (_: undefined, context) => context.call(inner));
    expect(await clock.until(failure(runner.call(outer)))).toMatchObject({ code: 'TIMEOUT', scope: 'tool:inner' });
  });

  it('ends a stream, whose items have come already, with the error', async () => {
    const { clock, runner } = workbench({ use: [resolving] });
    const numbers = tool('numbers', {}, async function* (_: undefined, context) {
      yield 1;
      context.partial({ next: 2 });
      await hang(context.signal);
    });
    const told: unknown[] = [];
    runner.stream(numbers).subscribe({ next: (item) => told.push(item), error: (error) => told.push(error) });
    await clock.runAll();
    expect(told).toEqual([1, expect.objectContaining({ code: 'TIMEOUT', partial: { next: 2 } })]);
  });
});

describe('with timeouts off', () => {
  it('limits of 0, soft limits, pauses and beats end nothing, warn of nothing, and leave no timer behind', async () => {
    const { clock, runner, sleep, of } = workbench({
      timeouts: 'off',
      use: [timeout({ total: 0, attempt: 0, queue: 0, soft: 0, grace: 1, partial: 'resolve' }), heartbeat(20)],
    });
    const slow = tool('slow', {}, async (_: undefined, context) => {
      context.heartbeat(1);
      await sleep(30);
      context.heartbeat(2);
      const resume = context.pause('waits');
      await sleep(500);
      resume();
      await sleep(500);
      return [context.deadline.at, context.softDeadline.aborted];
    });
    expect(await clock.until(runner.call(slow))).toEqual([Number.POSITIVE_INFINITY, false]);
    expect(of('timeout')).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
