import { pino } from 'pino';
import { NEVER } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, type Mock, vi } from 'vitest';
import { InvalidOutputError } from './errors/invalid-output-error.ts';
import { TimeoutError } from './errors/timeout-error.ts';
import { EventLog } from './event-log.ts';
import type { SluiceEvent } from './events.ts';
import { defineInterceptor } from './interceptor.ts';
import { Log } from './log.ts';
import type { Level, Logger } from './logger.ts';
import { pipeline } from './pipeline.ts';
import { failure, hang, limits } from './pipeline-bench.test-kit.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import type { RunnerOptions } from './runner-options.ts';
import type { StandardSchema } from './standard-schema.ts';
import { scripted } from './testing/scripted.ts';
import { virtualClock } from './testing/virtual-clock.ts';
import { tool } from './tool.ts';

let warned: Mock<(text: string | Error) => void>;
beforeEach(() => {
  warned = vi.spyOn(process, 'emitWarning').mockReturnValue() as typeof warned;
});
afterEach(() => vi.restoreAllMocks());

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly sluice: Readonly<Record<string, unknown>>;
  readonly err?: { readonly type: string; readonly message: string; readonly causes?: readonly { message: string }[] };
}

const NAMES: Readonly<Record<number, Level>> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' };

/** A runner that logs by the real pino; what it has written. */
function logged(level: string, options: RunnerOptions = {}, child = false) {
  const raw: string[] = [];
  const parent = pino({ level }, { write: (line: string) => void raw.push(line) });
  const clock = virtualClock();
  const runner = createRunner({ clock, logger: child ? parent.child({ module: 'jobs' }) : parent, ...options });
  const lines = (): Line[] => raw.map((line) => JSON.parse(line));
  const told = (): string[] =>
    lines().map(({ level, sluice }) => `${NAMES[level]} ${sluice['type']} ${sluice['name'] ?? ''}`.trimEnd());
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
  return { clock, runner, raw, lines, told, sleep, logger: parent };
}

const boom = new Error('boom');
const fails = (): never => {
  throw boom;
};
const failing = tool('failing', {}, fails);
const fine = tool('fine', {}, () => 1);

describe('with pino at info', () => {
  it('a run that ends well is one line, at info, and its calls are none', async () => {
    const { runner, told, lines, clock, sleep } = logged('info');
    await clock.until(
      runner.run(
        pipeline('p').stage('s', async (_, ctx) => {
          await sleep(7);
          return ctx.call(fine);
        }),
      ),
    );
    expect(told()).toEqual(['info run.end p']);
    expect(lines()[0]?.msg).toBe('Run of "p" ended well after 7 ms');
    expect(lines()[0]?.sluice).toMatchObject({ type: 'run.end', status: 'ok', durationMs: 7, name: 'p' });
  });

  it('a failure is told at error by the stage and the run, and at warn by the tool in the stage', async () => {
    const { runner, told, lines } = logged('info');
    await failure(runner.run(pipeline('p').stage('s', (_, { call }) => call(failing))));
    expect(told()).toEqual(['warn verdict failing', 'error verdict s', 'error run.end p']);
    expect(lines().map(({ sluice }) => sluice['within'])).toEqual(['stage:s', 'run', undefined]);
    expect(lines().map(({ err }) => err?.message)).toEqual(['boom', expect.any(String), expect.any(String)]);
    expect(lines()[2]?.err?.causes?.[0]?.message).toBe('boom');
    expect(lines()[2]?.err?.type).toBe('StageFailedError');
  });

  it('a failure that the stage gets over is a warning and no error', async () => {
    const { runner, told } = logged('info');
    await runner.run(pipeline('p').stage('s', (_, { call }) => call(failing).catch(() => 'got over it')));
    expect(told()).toEqual(['warn verdict failing', 'info run.end p']);
  });

  it('the outermost call that fails is told at error, and what it called at warn', async () => {
    const { runner, told, lines } = logged('info');
    await failure(runner.call(failing));
    const outer = tool('outer', {}, (_: unknown, { call }) => call(failing));
    await failure(runner.call(outer));
    await failure(runner.wrap(fails, { name: 'wrapped' })());
    expect(told()).toEqual([
      'error verdict failing',
      'warn verdict failing',
      'error verdict outer',
      'error verdict wrapped',
    ]);
    expect(lines().map(({ sluice }) => sluice['within'])).toEqual([undefined, 'tool:outer', undefined, undefined]);
    expect(lines()[0]?.sluice).not.toHaveProperty('within');
  });

  it('a deadline is a warning as it passes, and an error for who ends with it', async () => {
    const { runner, told, lines, clock } = logged('info', { use: [limits({ slow: 10 })] });
    const run = runner.run(pipeline('p').stage('slow', (_, { signal }) => hang(signal)));
    await clock.until(failure(run));
    expect(told()).toEqual(['warn timeout slow', 'error verdict slow', 'error run.end p']);
    expect(lines().map(({ msg }) => msg)).toEqual([
      'Stage "slow" ran out of its total of 10 ms',
      expect.stringMatching(/^Stage "slow" timed out after 10 ms: /),
      expect.stringMatching(/^Run of "p" timed out after 10 ms: /),
    ]);
  });

  it("a run's own deadline is a warning about the run", async () => {
    const { runner, lines, clock } = logged('info');
    const run = runner.run(
      pipeline('p').stage('slow', (_, { signal }) => hang(signal)),
      undefined,
      { deadline: 10 },
    );
    await clock.until(failure(run));
    expect(lines()[0]).toMatchObject({ level: 40, msg: 'Run of "p" ran out of its deadline of 10 ms' });
    expect(lines().at(-1)).toMatchObject({ level: 50, sluice: { type: 'run.end', status: 'timeout' } });
  });

  it('what is cancelled is no failure', async () => {
    const { runner, told, clock } = logged('info');
    const run = runner.run(pipeline('p').stage('s', () => NEVER));
    await clock.advance(5);
    run.cancel('enough');
    await clock.until(failure(run));
    expect(told()).toEqual(['info run.end p']);
  });

  it('orphans are warned of, and their end is told', async () => {
    const { runner, told, lines, clock, sleep } = logged('info', { use: [limits({ s: 10 })] });
    const run = runner.run(pipeline('p').stage('s', () => sleep(500)));
    await clock.until(failure(run));
    await clock.runAll();
    expect(told()).toContain('warn orphan s');
    expect(told()).toContain('info orphan.end s');
    expect(lines().find(({ sluice }) => sluice['type'] === 'orphan.end')?.msg).toBe(
      'Stage "s" has ended what went on too long, 440 ms late',
    );
  });

  it('cleanup that throws, and cleanup that does not end, are warned of', async () => {
    const { runner, told, lines, clock } = logged('info');
    const bad = scripted([{ do: 'succeed', cleanup: 'throws' }], { clock: virtualClock() });
    await clock.until(runner.call(tool('bad', {}, bad)));
    const endless = scripted([{ do: 'succeed', cleanup: 'hangs' }], { clock: virtualClock() });
    const call = runner.call(tool('endless', {}, endless));
    await clock.runAll();
    await call;
    expect(told()).toEqual(['warn cleanup.error bad', 'warn cleanup.late endless', 'warn orphan endless']);
    expect(lines()[0]?.err).toMatchObject({ type: 'Error', message: 'scripted cleanup failure' });
    expect(lines()[0]?.msg).toBe('Tool "bad" could not clean up: scripted cleanup failure');
    expect(lines()[1]?.msg).toBe('Tool "endless" has 1 cleanup handler not finished in time');
    expect(lines()[2]?.msg).toBe('Tool "endless" goes on with its cleanup although its time is over');
  });

  it('a line is about what its stage is called, whatever that is', async () => {
    const { runner, lines, clock } = logged('info', { use: [limits({ auth: 10, 'refresh-token': 10 })] });
    for (const name of ['auth', 'refresh-token']) {
      await clock.until(failure(runner.run(pipeline('p').stage(name, (_, { signal }) => hang(signal)))));
    }
    const messages = lines()
      .filter(({ sluice }) => sluice['type'] === 'timeout')
      .map(({ msg }) => msg);
    expect(messages).toEqual([
      'Stage "auth" ran out of its total of 10 ms',
      'Stage "refresh-token" ran out of its total of 10 ms',
    ]);
  });

  it('a line of what a plugin finds worth telling has the level of its type', async () => {
    const types = ['retry.wait', 'fallback', 'circuit.open', 'queue.full', 'rate.pause', 'cache.hit'];
    const teller = defineInterceptor({
      name: 'teller',
      priority: Place.total,
      intercept: (call, next) => {
        for (const type of types) call.emit(type, { why: 'x' });
        return next(call);
      },
    });
    const { runner, told } = logged('info', { use: [teller] });
    await runner.call(fine);
    expect(told()).toEqual([
      'warn retry.wait fine',
      'warn fallback fine',
      'info circuit.open fine',
      'warn queue.full fine',
      'warn rate.pause fine',
    ]);
  });
});

describe('with pino at other levels', () => {
  it('debug has one line for each event, in order, and each at its level', async () => {
    const { runner, told, lines } = logged('debug');
    const events: SluiceEvent[] = [];
    runner.events$.subscribe((event) => events.push(event));
    await failure(runner.run(pipeline('p').stage('s', (_, { call }) => call(failing))));
    expect(lines().map(({ sluice }) => sluice['seq'])).toEqual(events.map(({ seq }) => seq));
    expect(told()).toEqual([
      'debug run.start p',
      'debug stage.start s',
      'debug attempt.start s',
      'debug tool.start failing',
      'debug attempt.start failing',
      'debug attempt.end failing',
      'warn verdict failing',
      'debug tool.end failing',
      'debug attempt.end s',
      'error verdict s',
      'debug stage.end s',
      'error run.end p',
    ]);
  });

  it('debug has the lines of what goes well at debug, but for the end of the run', async () => {
    const { runner, told } = logged('debug');
    await runner.run(pipeline('p').stage('s', (_, { call }) => call(fine)));
    expect(new Set(told().filter((line) => !line.startsWith('debug')))).toEqual(new Set(['info run.end p']));
    expect(told().filter((line) => line === 'debug verdict s')).toHaveLength(1);
  });

  it('warn has what goes wrong and nothing else', async () => {
    const { runner, told } = logged('warn');
    await runner.run(pipeline('p').stage('s', (_, { call }) => call(failing).catch(() => 1)));
    await failure(runner.call(failing));
    expect(told()).toEqual(['warn verdict failing', 'error verdict failing']);
  });

  it('silent has nothing', async () => {
    const { runner, raw } = logged('silent');
    await failure(runner.run(pipeline('p').stage('s', fails)));
    expect(raw).toEqual([]);
    expect(warned).not.toHaveBeenCalled();
  });

  it('a level that changes is heeded at once', async () => {
    const { runner, told, logger } = logged('silent');
    await failure(runner.call(failing));
    logger.level = 'info';
    await failure(runner.call(failing));
    logger.level = 'debug';
    await runner.call(fine);
    expect(told()[0]).toBe('error verdict failing');
    expect(told()).toContain('debug tool.start fine');
  });

  it("a child's lines have what the child is bound to", async () => {
    const { runner, lines } = logged('info', {}, true);
    await runner.run(pipeline('p').stage('s', () => 1));
    expect(lines()).toMatchObject([{ module: 'jobs', sluice: { type: 'run.end' } }]);
  });
});

describe('a line', () => {
  it('has everything under one key, and the error under err', async () => {
    const { runner, lines } = logged('debug');
    await failure(runner.run(pipeline('p').stage('s', (_, { call }) => call(failing))));
    for (const line of lines()) {
      const { err, ...rest } = line;
      expect(Object.keys(rest).sort()).toEqual(['hostname', 'level', 'msg', 'pid', 'sluice', 'time']);
      expect(line.sluice).not.toHaveProperty('error');
      expect(line.sluice).toMatchObject({ runId: expect.any(String), correlationId: expect.any(String) });
      if ('status' in line.sluice) expect(err !== undefined).toBe(line.sluice['status'] !== 'ok');
    }
  });

  it("keeps type, message and causes of an error through pino's own serializer", async () => {
    const { runner, lines } = logged('info');
    class Deep extends Error {
      override readonly name = 'Deep';
    }
    const cause = new TypeError('middle', { cause: new Deep('deepest') });
    const broken = tool('broken', {}, () => Promise.reject(new RangeError('outer', { cause })));
    await failure(runner.call(broken));
    expect(lines()[0]?.err).toMatchObject({
      type: 'RangeError',
      message: 'outer',
      causes: [
        { name: 'TypeError', message: 'middle' },
        { name: 'Deep', message: 'deepest' },
      ],
    });
    expect(lines()[0]?.msg).toMatch(/^Tool "broken" failed after 0 ms: outer$/);
  });

  it('says what the errors of an AggregateError were', async () => {
    const { runner, raw } = logged('info');
    const all = new AggregateError([new Error('first reason'), new Error('second reason')], 'all failed');
    await failure(runner.call(tool('many', {}, () => Promise.reject(all))));
    expect(raw.join()).toContain('first reason');
    expect(raw.join()).toContain('second reason');
  });

  it('says how long a call took, and how long a run took', async () => {
    const { runner, lines, clock, sleep } = logged('info');
    const run = runner.run(
      pipeline('p').stage('s', async () => {
        await sleep(1_234);
        throw boom;
      }),
    );
    await clock.until(failure(run));
    expect(lines().map(({ sluice }) => sluice['durationMs'])).toEqual([1_234, 1_234]);
    expect(lines()[0]?.msg).toMatch(/failed after 1234 ms/);
  });

  it('has what was warned of once, at warn, and not again as an event', async () => {
    const { runner, lines } = logged('debug');
    runner.events$.subscribe(() => {
      throw new Error('deaf');
    });
    await runner.call(fine);
    const warnings = lines().filter(({ sluice }) => sluice['type'] === 'warning');
    expect(warnings).toMatchObject([{ level: 40, msg: 'A listener threw deaf', err: { message: 'deaf' } }]);
  });
});

describe('what work is given and gives', () => {
  const refusing: StandardSchema<unknown> = {
    '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'is wrong', path: ['a'] }] }) },
  };
  const mark = (what: string): string => `MARKER-${what}`;

  it('is in no line, even at debug', async () => {
    const { runner, raw, clock, sleep } = logged('debug', { use: [limits({ late: 10 })] });
    const echo = tool('echo', {}, (input: string) => `${mark('echoed')} ${input}`);
    const items = tool('items', {}, async function* () {
      yield mark('item');
      await sleep(1);
      yield mark('item');
      throw boom;
    });
    const whole = pipeline<string>('whole')
      .stage('first', ({ input }, { call }) => call(echo, input))
      .stage('second', ['first'], ({ first }, { partial }) => {
        partial({ done: mark('partial') });
        return { first, more: mark('output') };
      })
      .stage('late', async (_, { signal, partial }) => {
        partial(mark('partial'));
        return hang(signal);
      });
    await clock.until(failure(runner.run(whole, mark('input'), { data: { given: mark('data') } })));
    await clock.until(failure(runner.call(items)));
    const wrong = tool('wrong', { output: refusing }, () => mark('output') as unknown);
    const error = await failure(runner.call(wrong));
    expect(error).toMatchObject({ code: 'INVALID_OUTPUT', details: { output: mark('output') } });
    await failure(
      runner.call(
        tool('picky', { input: refusing }, () => 1),
        mark('input'),
      ),
    );
    await failure(runner.run(pipeline('p').stage('s', (_, { call }) => call(wrong))));
    await failure(runner.run(pipeline('p').stage('s', () => Promise.reject({ body: mark('thrown') }))));
    const kept = new TimeoutError('kept', {
      partial: mark('partial'),
      details: { input: mark('i'), partial_result: mark('p') },
    });
    await failure(runner.call(tool('kept', {}, () => Promise.reject(kept))));
    const caused = new Error('x', { cause: new InvalidOutputError('y', { details: { output: mark('o') } }) });
    await failure(runner.call(tool('caused', {}, () => Promise.reject(caused))));
    await clock.runAll();
    expect(raw.length).toBeGreaterThan(40);
    expect(raw.filter((line) => line.includes('MARKER'))).toEqual([]);
  });
});

describe('with any other logger', () => {
  const plain = () => {
    const lines: [Level, object, string | undefined][] = [];
    const at =
      (level: Level) =>
      (details: object, message?: string): void =>
        void lines.push([level, details, message]);
    const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
    return { lines, logger };
  };

  it('a plain one takes all levels', async () => {
    const { lines, logger } = plain();
    const runner = createRunner({ logger, clock: virtualClock() });
    await failure(runner.run(pipeline('p').stage('s', (_, { call }) => call(failing))));
    expect(new Set(lines.map(([level]) => level))).toEqual(new Set(['debug', 'warn', 'error']));
    const [, details, message] = lines.at(-1) ?? [];
    expect(message).toBe('Run of "p" failed after 0 ms: Stage "s" failed: boom');
    expect(details).toMatchObject({ sluice: { type: 'run.end', name: 'p' }, err: { name: 'StageFailedError' } });
  });

  it('one that says what it takes is asked', async () => {
    const { lines, logger } = plain();
    const isLevelEnabled = vi.fn((level: string) => level === 'error' || level === 'warn');
    const runner = createRunner({ logger: Object.assign(logger, { isLevelEnabled }), clock: virtualClock() });
    await runner.run(pipeline('p').stage('s', (_, { call }) => call(failing).catch(() => 1)));
    expect(lines.map(([level]) => level)).toEqual(['warn']);
  });

  it.each<[string, () => unknown]>([
    [
      'throw',
      () => {
        throw new Error('disk full');
      },
    ],
    ['reject', () => Promise.reject(new Error('disk full'))],
  ])('one whose methods %s is told of once, and harms nothing', async (_, bad) => {
    const runner = createRunner({
      logger: { debug: bad, info: bad, warn: bad, error: bad } as Logger,
      clock: virtualClock(),
    });
    const output = await runner.run(
      pipeline('p').stage('s', (_, { call, log }) => {
        log.info({ hello: 1 });
        return call(fine);
      }),
    );
    expect(output).toEqual({ s: 1 });
    expect(await failure(runner.call(failing))).toBe(boom);
    await new Promise((resolve) => setImmediate(resolve));
    expect(warned.mock.calls).toEqual([['The logger threw: disk full; this is said once', 'SluiceWarning']]);
  });

  it.each<[string, PropertyKey]>([
    ['level', 'levelVal'],
    ['method to ask for it', 'isLevelEnabled'],
  ])('one whose %s cannot be read harms nothing', async (_, key) => {
    const { logger } = plain();
    Object.defineProperty(logger, key, {
      get: () => {
        throw new Error('no');
      },
    });
    const clock = virtualClock();
    const runner = createRunner({ logger, clock });
    expect(await clock.until(runner.run(pipeline('p').stage('s', () => 1)))).toEqual({ s: 1 });
  });

  it('one that calls the runner from its methods gets its answer, and every line comes once and in order', async () => {
    const clock = virtualClock();
    const seqs: unknown[] = [];
    const answers: unknown[] = [];
    let asked = false;
    const take = (details: object): void => {
      seqs.push(Object(Object(details).sluice).seq);
      if (asked) return;
      asked = true;
      void runner.call(fine).then((answer) => answers.push(answer));
      void runner.run(pipeline('again').stage('s', () => 2)).then((answer) => answers.push(answer));
      answers.push(runner.stats().running);
    };
    const runner = createRunner({ clock, logger: { debug: take, info: take, warn: take, error: take } });
    await failure(runner.run(pipeline('p').stage('s', (_, { call }) => call(failing))));
    await clock.runAll();
    expect(answers).toEqual([expect.any(Number), 1, { s: 2 }]);
    expect(seqs).toEqual(seqs.map((_seq, index) => index + 1));
  });

  it('one that cancels the run from a line about it changes no verdict that is given', async () => {
    const clock = virtualClock();
    const error = vi.fn(() => run.cancel('from the logger'));
    const runner = createRunner({ clock, logger: { debug() {}, info() {}, warn() {}, error } });
    const run = runner.run(pipeline('p').stage('s', fails));
    expect(await failure(run)).toMatchObject({ code: expect.any(String) });
    const { stages } = await run.report;
    expect(stages.s.status).toBe('failed');
    expect(error.mock.calls.length).toBeGreaterThan(0);
  });

  it('an error that cannot be read harms nothing', async () => {
    const { lines, logger } = plain();
    const clock = virtualClock();
    const runner = createRunner({ logger, clock });
    const hostile = new TimeoutError('hostile', { cause: 1 });
    for (const key of ['cause', 'details', 'stack']) {
      Object.defineProperty(hostile, key, {
        get: () => {
          throw new Error('trap');
        },
      });
    }
    const call = runner.call(tool('hostile', {}, () => Promise.reject(hostile)));
    const thrown = await clock.until(call.catch((error) => error));
    expect(thrown).toBe(hostile);
    await runner.call(fine);
    expect(lines.filter(([, details]) => Object(Object(details).sluice).type === 'tool.end')).toHaveLength(2);
  });
});

/** Types that have words of their own. */
const SPOKEN = new Set<string>(['timeout.soft', 'blocked']);

describe('a line for each type', () => {
  const base = { runId: 'r', correlationId: 'c', target: 'tool', name: 'a', attempt: 1, seq: 1, at: 0 } as const;
  const written = (event: object): [Level, string] => {
    const got: [Level, string][] = [];
    const at = (level: Level) => (_: object, message?: string) => void got.push([level, message ?? '']);
    const log = new Log({ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') });
    new EventLog(log).write({ ...base, ...event } as unknown as SluiceEvent);
    return got[0] ?? ['debug', ''];
  };

  it.each([
    ['timeout.soft', 'warn'],
    ['blocked', 'warn'],
    ['queue.full', 'warn'],
    ['queue.timeout', 'warn'],
    ['rate.pause', 'warn'],
    ['retry.wait', 'warn'],
    ['retry.giveup', 'warn'],
    ['fallback', 'warn'],
    ['circuit.open', 'info'],
    ['circuit.half-open', 'info'],
    ['circuit.close', 'info'],
    ['tool.start', 'debug'],
    ['tool.end', 'debug'],
    ['attempt.start', 'debug'],
    ['late', 'debug'],
    ['progress', 'debug'],
    ['partial', 'debug'],
    ['user.mine', 'debug'],
    ['cache.hit', 'debug'],
  ])('of %s is at %s', (type, level) => {
    expect(written({ type })[0]).toBe(level);
    if (!SPOKEN.has(type)) expect(written({ type })).toEqual([level, `Tool "a" tells ${type}`]);
  });

  it.each([
    ['ok', 'debug', 'Tool "a" ended well after 3 ms'],
    ['skipped', 'debug', 'Tool "a" was skipped after 3 ms'],
    ['cancelled', 'debug', 'Tool "a" was cancelled after 3 ms'],
    ['failed', 'error', 'Tool "a" failed after 3 ms'],
    ['timeout', 'error', 'Tool "a" timed out after 3 ms'],
  ])('of a verdict that is %s is at %s', (status, level, message) => {
    expect(written({ type: 'verdict', status, durationMs: 3.2 })).toEqual([level, message]);
  });

  it('of several cleanup handlers counts them', () => {
    expect(written({ type: 'cleanup.late', left: 2 })).toEqual([
      'warn',
      'Tool "a" has 2 cleanup handlers not finished in time',
    ]);
  });
});
