import { pino } from 'pino';
import { filter, map, NEVER, Observable, Subject, switchMap } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, type Mock, vi } from 'vitest';
import { type Clock, systemClock } from './clock.ts';
import { EventHub } from './event-hub.ts';
import type { SluiceEvent } from './events.ts';
import { defineInterceptor } from './interceptor.ts';
import { pipeline } from './pipeline.ts';
import { bench, failure, hang } from './pipeline-bench.test-kit.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import type { RunnerOptions } from './runner-options.ts';
import { virtualClock } from './testing/virtual-clock.ts';
import { tool } from './tool.ts';

const now = vi.fn(() => 7);
const hub = (threw = vi.fn()): EventHub => new EventHub({ ...systemClock, now }, threw);
const call = { runId: 'r', correlationId: 'c', target: 'tool', name: 'a', kind: 'agent', attempt: 2 };

describe('a hub of events', () => {
  it('builds nothing while nobody listens', () => {
    const one = hub();
    now.mockClear();
    expect(one.listening).toBe(false);
    one.emit(
      'verdict',
      new Proxy(call, {
        get: () => {
          throw new Error('read');
        },
      }),
      null,
    );
    expect(now).not.toHaveBeenCalled();
    const first = one.events$.subscribe();
    const second = one.events$.subscribe();
    first.unsubscribe();
    expect(one.listening).toBe(true);
    second.unsubscribe();
    expect(one.listening).toBe(false);
  });

  it('numbers its events, dates them, and says what they are about', () => {
    const one = hub();
    const got: SluiceEvent[] = [];
    one.events$.subscribe((event) => got.push(event));
    one.emit('partial', call, null);
    one.emit('late', call, null, { what: 'value' });
    one.emit('warning', {}, null, { message: 'm' });
    expect(got).toStrictEqual([
      {
        type: 'partial',
        seq: 1,
        at: 7,
        runId: 'r',
        correlationId: 'c',
        target: 'tool',
        name: 'a',
        kind: 'agent',
        attempt: 2,
      },
      {
        what: 'value',
        type: 'late',
        seq: 2,
        at: 7,
        runId: 'r',
        correlationId: 'c',
        target: 'tool',
        name: 'a',
        kind: 'agent',
        attempt: 2,
      },
      { message: 'm', type: 'warning', seq: 3, at: 7 },
    ]);
  });

  it('does not let data pass itself off as something else', () => {
    const one = hub();
    const got: SluiceEvent[] = [];
    one.events$.subscribe((event) => got.push(event));
    one.emit('user.mine', call, null, { type: 'verdict', seq: 99, at: 99, runId: 'other', data: 1 });
    expect(got).toMatchObject([{ type: 'user.mine', seq: 1, at: 7, runId: 'r', data: 1 }]);
  });

  it('tells everybody, also when one leaves, comes or throws meanwhile', () => {
    const threw = vi.fn();
    const one = hub(threw);
    const got: string[] = [];
    one.events$.subscribe(() => {
      got.push('first');
      second.unsubscribe();
      one.events$.subscribe(() => got.push('newcomer'));
      throw new Error('boom');
    });
    const second = one.events$.subscribe(() => got.push('second'));
    one.events$.subscribe(() => got.push('third'));
    one.emit('partial', call, null);
    expect(got).toEqual(['first', 'third']);
    expect(threw).toHaveBeenCalledTimes(1);
    one.emit('partial', call, null);
    expect(got.slice(2)).toEqual(['first', 'third', 'newcomer']);
  });
});

const boom = new Error('boom');
const fails = (): never => {
  throw boom;
};
const fine = tool('fine', {}, () => 1);
const failing = tool('failing', {}, fails);
const nested = pipeline('nested').stage('in', (_, { call }) => call(fine));

let warned: Mock<(text: string | Error) => void>;
const unhandled = vi.fn();
beforeEach(() => {
  warned = vi.spyOn(process, 'emitWarning').mockReturnValue() as typeof warned;
  unhandled.mockClear();
  process.on('unhandledRejection', unhandled);
});
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

/** Emits once, after so many milliseconds. */
const timer = (clock: Clock, ms: number): Observable<number> =>
  new Observable<number>((subscriber) =>
    clock.schedule(ms, () => {
      subscriber.next(1);
      subscriber.complete();
    }),
  );

/** A runner whose clock counts how often it is asked. */
function counted(options: RunnerOptions = {}) {
  const virtual = virtualClock();
  const asked = { times: 0 };
  const clock: Clock = {
    now: () => {
      asked.times++;
      return virtual.now();
    },
    schedule: (ms, fire) => virtual.schedule(ms, fire),
    random: () => virtual.random(),
  };
  const runner = createRunner({ clock, ...options });
  const emitted = vi.spyOn(EventHub.prototype, 'emit');
  const types = (): string[] => emitted.mock.calls.map(([type]) => type);
  return { runner, asked, types, virtual };
}

const silent = () => pino({ level: 'silent' }, { write() {} });

describe('while nobody listens', () => {
  it('a call reads no clock and builds no event, be it well or ill', async () => {
    const { runner, asked, types } = counted();
    const outer = tool('outer', {}, (_: unknown, { call, emit, progress, partial }) => {
      emit('mine', { a: 1 });
      progress(0.5);
      partial({ a: 1 });
      return call(fine);
    });
    await runner.call(outer);
    await failure(runner.call(failing));
    expect(asked.times).toBe(0);
    expect(types()).toEqual([]);
  });

  it('a run builds no event', async () => {
    const { runner, types } = counted();
    await runner.run(nested);
    await failure(runner.run(pipeline('p').stage('s', fails)));
    expect(types()).toEqual([]);
  });

  it('because the logger is silent, no event is built and no clock is read for a call', async () => {
    const { runner, asked, types } = counted({ logger: silent() });
    await runner.call(fine);
    await failure(runner.call(failing));
    expect(asked.times).toBe(0);
    await runner.run(nested);
    await failure(runner.run(pipeline('p').stage('s', fails)));
    expect(types()).toEqual([]);
  });

  it('but a logger at info, only what is out of the ordinary is built', async () => {
    const { runner, types } = counted({ logger: pino({ level: 'info' }, { write() {} }) });
    await runner.call(fine);
    expect(types()).toEqual([]);
    await runner.run(nested);
    expect(types()).toEqual(['run.end']);
    await failure(runner.call(failing));
    expect(types()).toEqual(['run.end', 'verdict']);
  });

  it('which the last to leave brings about', async () => {
    const { runner, asked, types } = counted();
    const first = runner.events$.subscribe();
    const second = runner.events$.pipe(filter(() => true)).subscribe();
    first.unsubscribe();
    first.unsubscribe();
    await runner.call(fine);
    expect(types().length).toBeGreaterThan(0);
    second.unsubscribe();
    const before = { times: asked.times, told: types().length };
    await runner.call(fine);
    expect({ times: asked.times, told: types().length }).toEqual(before);
  });

  it('which the end of a run brings about, for who listened to that', async () => {
    const { runner, asked, types } = counted();
    const run = runner.run(nested);
    run.events$.subscribe();
    await run;
    const before = { times: asked.times, told: types().length };
    expect(before.told).toBeGreaterThan(0);
    await runner.call(fine);
    expect({ times: asked.times, told: types().length }).toEqual(before);
  });
});

describe('a handler of cleanup', () => {
  it('is told how long the work took, whether or not anybody listens', async () => {
    const took = async (listen: boolean): Promise<number[]> => {
      const { runner, clock, sleep } = bench({ logger: silent() });
      const quiet = createRunner({ clock });
      const durations: number[] = [];
      const work = tool('work', {}, async (_: unknown, { onCleanup }) => {
        onCleanup(({ durationMs }: { durationMs: number }) => void durations.push(durationMs));
        await sleep(10);
      });
      await clock.until((listen ? runner : quiet).call(work));
      return durations;
    };
    expect(await took(true)).toEqual([10]);
    expect(await took(false)).toEqual([10]);
  });
});

describe('an interceptor that answers without going on', () => {
  it('is told how long the call took, whether or not anybody listens', async () => {
    const clock = virtualClock();
    const durations: number[] = [];
    const cache = defineInterceptor({
      name: 'cache',
      priority: Place.total,
      intercept: (call) => {
        call.onEnd(({ durationMs }) => durations.push(durationMs));
        return timer(clock, 10);
      },
    });
    const runner = createRunner({ clock, use: [cache] });
    await clock.until(runner.call(fine));
    const listening = runner.events$.subscribe();
    await clock.until(runner.call(fine));
    listening.unsubscribe();
    expect(durations).toEqual([10, 10]);
  });
});

describe('the events of a run', () => {
  it('are in one order, whose numbers and times never go back', async () => {
    const { runner, clock, events, sleep } = bench();
    const slow = pipeline('slow')
      .stage('a', () => sleep(10))
      .stage('b', () => sleep(5))
      .stage('c', ['a', 'b'], (_, { run }) => run(nested));
    await clock.until(Promise.all([runner.run(slow), runner.run(slow)]));
    expect(events.length).toBeGreaterThan(30);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, index) => index + 1));
    const times = events.map(({ at }) => at);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it('say what each call is made in', async () => {
    const { runner, of } = bench();
    const middle = tool('middle', {}, (_: unknown, { call }) => call(fine));
    await runner.run(pipeline('p').stage('s', (_, { call }) => call(middle)));
    expect(of('verdict').map((event) => [Reflect.get(event, 'name'), Reflect.get(event, 'within')])).toEqual([
      ['fine', 'tool:middle'],
      ['middle', 'stage:s'],
      ['s', 'run'],
    ]);
  });

  it('say of a stage that it is made in its run, also where that is in a run itself', async () => {
    const { runner, of } = bench();
    await runner.run(pipeline('p').stage('s', (_, { run }) => run(nested)));
    expect(of('verdict').map((event) => [Reflect.get(event, 'name'), Reflect.get(event, 'within')])).toEqual([
      ['fine', 'stage:in'],
      ['in', 'run'],
      ['s', 'run'],
    ]);
  });

  it('are heard by the run, by the run around it and by the runner, and by no other run', async () => {
    const { runner, events } = bench();
    const run = runner.run(pipeline('p').stage('s', (_, { run: runIn }) => runIn(nested)));
    const other = runner.run(pipeline('other').stage('o', () => 1));
    const [own, others]: [SluiceEvent[], SluiceEvent[]] = [[], []];
    run.events$.subscribe((event) => own.push(event));
    other.events$.subscribe((event) => others.push(event));
    await Promise.all([run, other]);
    expect(own.map((event) => Reflect.get(event, 'name'))).toContain('in');
    expect(own.some((event) => Reflect.get(event, 'name') === 'o')).toBe(false);
    expect(others.every((event) => Reflect.get(event, 'runId') === other.id)).toBe(true);
    expect(own.length + others.length).toBe(events.length);
    expect(
      own.find(({ type, name }: { type: string; name?: string }) => type === 'run.end' && name === 'nested'),
    ).toMatchObject({
      parentRunId: run.id,
    });
  });

  it.each(['run.start', 'stage.start', 'attempt.start'])(
    'end with its end when a listener cancels it at %s',
    async (at) => {
      const { runner, clock, events } = bench();
      const run = runner.run(pipeline('p').stage('s', () => NEVER));
      const own: string[] = [];
      run.events$.subscribe({
        next: ({ type }) => {
          own.push(type);
          if (type === at) run.cancel();
        },
        complete: () => own.push('(complete)'),
      });
      await clock.until(run.report);
      await clock.runAll();
      expect(events.at(-1)?.type).toBe('run.end');
      expect(own.slice(-2)).toEqual(['run.end', '(complete)']);
      expect(own.slice(0, -1)).toEqual(events.map(({ type }) => type));
    },
  );

  it('end with its end when a listener of something else cancels it', async () => {
    const { runner, clock } = bench();
    const run = runner.run(pipeline('p').stage('s', () => NEVER));
    const own: string[] = [];
    run.events$.subscribe({ next: ({ type }) => own.push(type), complete: () => own.push('(complete)') });
    await clock.advance(1);
    runner.events$.pipe(filter(({ type }) => type === 'tool.end')).subscribe(() => run.cancel());
    await runner.call(fine);
    await clock.until(run.report);
    expect(own.slice(-2)).toEqual(['run.end', '(complete)']);
  });

  it('have one end for each start, for whoever hears the start', async () => {
    const { runner, clock, sleep } = bench();
    const step = tool('step', {}, () => sleep(10));
    const work = pipeline('p')
      .stage('a', (_, { call }) => call(step))
      .stage('b', ['a'], async (_, { callAll }) =>
        callAll([
          [step, undefined],
          [step, undefined],
        ]),
      )
      .stage('c', ['a'], async function* () {
        yield 1;
        await sleep(15);
        yield 2;
      });
    const heard = [0, 5, 12, 18].map(() => [] as SluiceEvent[]);
    const run = runner.run(work);
    for (const [index, at] of [0, 5, 12, 18].entries()) {
      const listen = () => void runner.events$.subscribe((event) => heard[index]?.push(event));
      if (at === 0) listen();
      else clock.schedule(at, listen);
    }
    await clock.until(run);
    for (const events of heard) {
      for (const what of ['stage', 'tool', 'attempt']) {
        for (const start of events.filter(({ type }) => type === `${what}.start`)) {
          const about = (event: SluiceEvent): boolean =>
            Reflect.get(event, 'name') === Reflect.get(start, 'name') && event.seq > start.seq;
          expect(events.filter((event) => event.type === `${what}.end` && about(event)).length).toBeGreaterThan(0);
        }
      }
      expect(events.filter(({ type }) => type === 'run.end')).toHaveLength(1);
    }
    const [all = []] = heard;
    for (const what of ['run', 'stage', 'tool', 'attempt']) {
      const count = (type: string): number => all.filter((event) => event.type === type).length;
      expect(count(`${what}.end`), what).toBe(count(`${what}.start`));
    }
  });

  it('say how long an attempt took, also when it began while nobody listened', async () => {
    const clock = virtualClock();
    const waits = defineInterceptor({
      name: 'waits',
      priority: Place.retry,
      intercept: (call, next) => timer(clock, 10).pipe(switchMap(() => next(call))),
    });
    const runner = createRunner({ clock, use: [waits] });
    const first = runner.events$.subscribe();
    const slow = tool('slow', {}, () => new Promise<void>((resolve) => clock.schedule(50, resolve)));
    const call = runner.call(slow);
    await clock.advance(5);
    first.unsubscribe();
    await clock.advance(10);
    const late: SluiceEvent[] = [];
    runner.events$.subscribe((event) => late.push(event));
    await clock.until(call);
    const ends = late.filter(({ type }) => type === 'attempt.end').map((event) => Reflect.get(event, 'durationMs'));
    // Either it is not told, as its start was not, or it is told as it was.
    expect([[], [50]]).toContainEqual(ends);
  });

  it('have no item and no end of an attempt for who missed that it began', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
    const items = tool('items', {}, async function* () {
      yield 1;
      await sleep(10);
      yield 2;
    });
    const call = runner.call(items);
    await clock.advance(5);
    const late: string[] = [];
    runner.events$.subscribe(({ type }) => late.push(type));
    await clock.until(call);
    expect(late).toEqual([]);
  });
});

describe('a listener that throws', () => {
  it.each([
    ['at a runner', (): 'runner' | 'run' => 'runner'],
    ['at a run', (): 'runner' | 'run' => 'run'],
  ])('%s, behind operators or in an operator, sync or async, is told of once and harms nobody', async (_, where) => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    const run = runner.run(nested);
    const { events$ } = where() === 'run' ? run : runner;
    events$.subscribe(() => {
      throw new Error('plain');
    });
    events$.pipe(filter(() => true)).subscribe(() => {
      throw new Error('behind');
    });
    events$
      .pipe(
        map(() => {
          throw new Error('operator');
        }),
      )
      .subscribe();
    events$.subscribe({ next: async () => Promise.reject(new Error('async')) });
    const got: string[] = [];
    events$.subscribe(({ type }) => got.push(type));
    expect(await run).toEqual({ in: 1 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(warned.mock.calls.map(([text]) => text).sort()).toEqual(
      ['async', 'behind', 'operator', 'plain'].map((what) => `A listener threw ${what}`),
    );
    expect(got.filter((type) => type !== 'warning').at(-1)).toBe('run.end');
  });

  it('something new each time comes to an end', async () => {
    const runner = createRunner({ clock: virtualClock() });
    let heard = 0;
    runner.events$.subscribe(() => {
      heard++;
      if (heard < 5_000) throw new Error(`cannot take number ${heard}`);
    });
    await runner.call(fine);
    expect(heard).toBeLessThan(100);
  });

  it('something new each time, asynchronously, comes to an end', async () => {
    const runner = createRunner({ clock: virtualClock() });
    let heard = 0;
    runner.events$.subscribe({
      next: async () => {
        heard++;
        if (heard < 5_000) throw new Error(`cannot take number ${heard}`);
      },
    });
    await runner.call(fine);
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard).toBeLessThan(100);
  });

  it('what cannot be read is told of as well', async () => {
    const runner = createRunner({ clock: virtualClock() });
    runner.events$.subscribe(() => {
      throw new Proxy(new Error('x'), {
        get: () => {
          throw new Error('trap');
        },
      });
    });
    expect(await runner.call(fine)).toBe(1);
    expect(warned.mock.calls).toEqual([['A listener threw a Proxy', 'SluiceWarning']]);
  });
});

describe('an event that cannot be written down', () => {
  it('is the only one that the log misses', async () => {
    const teller = defineInterceptor({
      name: 'teller',
      priority: Place.total,
      intercept: (call, next) => {
        if (call.name === 'odd') call.emit('timeout', { limit: Symbol('odd') });
        return next(call);
      },
    });
    const { runner, count } = bench({ use: [teller] });
    expect(await runner.call(tool('odd', {}, () => 2)).catch(() => 'harmed')).toBe(2);
    await runner.call(fine);
    expect(count('tool.end')).toBe(2);
  });
});

describe('a listener that calls the runner', () => {
  it('hears of what it sets off after what it was told, as everybody does', async () => {
    const { runner, clock } = bench();
    const [first, second]: [number[], number[]] = [[], []];
    let begun = 0;
    runner.events$.subscribe(({ seq, type }) => {
      first.push(seq);
      if (type !== 'tool.end' || begun >= 3) return;
      begun++;
      void runner.call(fine);
      void runner.run(nested);
    });
    runner.events$.subscribe(({ seq }) => second.push(seq));
    await runner.call(fine);
    await clock.runAll();
    expect(second).toEqual(first);
    expect(first).toEqual(first.map((_seq, index) => index + 1));
    expect(begun).toBe(3);
  });

  it('may leave, and listen to the run that it begins', async () => {
    const { runner, clock } = bench();
    const inner: string[] = [];
    const subject = new Subject<SluiceEvent>();
    const listening = subject.subscribe(({ type }) => {
      if (type !== 'run.end') return;
      listening.unsubscribe();
      const run = runner.run(nested);
      run.events$.subscribe((event) => inner.push(event.type));
    });
    runner.events$.subscribe(subject);
    await runner.run(nested);
    await clock.runAll();
    expect([inner[0], inner.at(-1)]).toEqual(['run.start', 'run.end']);
  });

  it('and stops what it is told of, is told of one verdict', async () => {
    const { runner, clock, count, of } = bench();
    const stop = new AbortController();
    runner.events$.subscribe(({ type }) => {
      if (type === 'verdict' || type === 'attempt.start') stop.abort('enough');
    });
    const work = tool('work', {}, (_: unknown, { signal }) => hang(signal));
    const call = failure(runner.call(work, undefined, { signal: stop.signal }));
    await clock.until(call);
    expect(count('verdict')).toBe(1);
    expect(of('tool.end')).toMatchObject([{ status: 'cancelled' }]);
  });
});
