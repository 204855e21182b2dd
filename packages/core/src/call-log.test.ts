import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { defineInterceptor } from './interceptor.ts';
import type { Level } from './logger.ts';
import { pipeline } from './pipeline.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import type { RunnerOptions } from './runner-options.ts';
import { virtualClock } from './testing/virtual-clock.ts';
import { tool } from './tool.ts';

afterEach(() => vi.restoreAllMocks());

/** As pino has it, which is more than its type asks for. */
type Print = (...args: unknown[]) => void;
type Prints = Readonly<Record<Level, Print>>;

/** What a work writes, by the real pino, without what the runner writes itself. */
async function written(work: (log: Prints) => void, level = 'debug', options: RunnerOptions = {}) {
  const raw: string[] = [];
  const logger = pino({ level }, { write: (line: string) => void raw.push(line) });
  const runner = createRunner({ clock: virtualClock(), logger, ...options });
  const one = tool('one', {}, (_: unknown, { log }) => work(log as unknown as Prints));
  await runner.call(one, undefined, { runId: 'run-1', correlationId: 'order-7' });
  return raw
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ sluice }) => !('type' in Object(sluice)))
    .map(({ time: _time, pid: _pid, hostname: _host, ...line }) => line);
}

const sluice = { runId: 'run-1', correlationId: 'order-7', target: 'tool', name: 'one', attempt: 1 };

describe("a work's log", () => {
  it('has the run, the call and the attempt in each line', async () => {
    const lines = await written((log) => {
      for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level]({ a: 1 }, 'hello');
    });
    expect(lines).toEqual([20, 30, 40, 50].map((level) => ({ level, a: 1, sluice, msg: 'hello' })));
  });

  it('takes a message alone, an object alone, and both', async () => {
    const lines = await written((log) => {
      log.info('alone');
      log.info({ a: [1] });
      log.info({ a: 1 }, 'both');
      log.info({}, '');
    });
    expect(lines).toEqual([
      { level: 30, sluice, msg: 'alone' },
      { level: 30, a: [1], sluice },
      { level: 30, a: 1, sluice, msg: 'both' },
      { level: 30, sluice, msg: '' },
    ]);
  });

  it('takes an error, alone, with a message, or under err', async () => {
    const error = new RangeError('too far', { cause: new Error('why') });
    const lines = await written((log) => {
      log.error(error);
      log.error(error, 'went wrong');
      log.error({ err: error, a: 1 }, 'went wrong');
    });
    const err = expect.objectContaining({
      type: 'RangeError',
      message: 'too far',
      causes: [expect.objectContaining({ name: 'Error', message: 'why' })],
    });
    expect(lines).toEqual([
      { level: 50, err, sluice, msg: 'too far' },
      { level: 50, err, sluice, msg: 'went wrong' },
      { level: 50, err, a: 1, sluice, msg: 'went wrong' },
    ]);
  });

  it('takes the arguments of printf', async () => {
    const lines = await written((log) => {
      log.info('%s has %d of %j', 'a', 2, { b: 3 });
      log.info({ a: 1 }, '%s%%', 50);
      log.info('100%');
    });
    expect(lines.map(({ msg }) => msg)).toEqual(['a has 2 of {"b":3}', '50%', '100%']);
  });

  it('takes what is neither', async () => {
    const lines = await written((log) => {
      for (const value of [1, undefined, null, true, Symbol('s')]) log.info(value, 'odd');
    });
    expect(lines.map(({ value }) => value)).toEqual([1, undefined, null, true, 'Symbol(s)']);
    expect(lines.every(({ msg }) => msg === 'odd')).toBe(true);
  });

  it('does not let fields pass themselves off as the call', async () => {
    const lines = await written((log) => log.info({ sluice: { runId: 'other' }, runId: 'mine' }, 'x'));
    expect(lines).toEqual([{ level: 30, sluice, runId: 'mine', msg: 'x' }]);
  });

  it('keeps the call in lines about requests, which pino writes in its own way', async () => {
    const request = { method: 'GET', url: '/', headers: { accept: '*/*' }, socket: {} };
    const lines = await written((log) => log.info(request, 'got'));
    expect(lines).toMatchObject([{ sluice, msg: 'got', value: { method: 'GET', url: '/' } }]);
    expect(lines[0]).not.toHaveProperty('req');
  });

  it('is harmed by nothing that it is given', async () => {
    const trap = (): never => {
      throw new Error('trap');
    };
    const lines = await written((log) => {
      const loop: Record<string, unknown> = {};
      loop['self'] = loop;
      log.info(loop, 'loop');
      log.info(new Proxy({}, { get: trap, ownKeys: trap }), 'proxy');
      log.info(Object.defineProperty({}, 'err', { get: trap, enumerable: true }), 'getter');
      log.info({ toJSON: trap, big: 5n }, 'toJSON');
    });
    expect(lines.map(({ msg }) => msg)).toEqual(['loop', 'proxy', 'getter', 'toJSON']);
  });

  it.each([
    ['%s', 'toString'],
    ['%j', 'toJSON'],
    ['%d', 'valueOf'],
    ['%s', Symbol.toPrimitive],
    ['', Symbol.for('nodejs.util.inspect.custom')],
  ])('is harmed by no argument of %s whose %s throws', async (placeholder, method) => {
    const trap = (): never => {
      throw new Error('trap');
    };
    const lines = await written((log) => log.info(`of ${placeholder}`, { [method]: trap }));
    expect(lines).toHaveLength(1);
  });

  it('can be taken apart, and outlives its call', async () => {
    let print: Print = () => {};
    const lines = await written((log) => {
      ({ info: print } = log);
      print('before');
    });
    expect(lines).toHaveLength(1);
    expect(() => print('after')).not.toThrow();
  });

  it('says nothing where there is no logger', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const out = vi.spyOn(console, 'log');
    const runner = createRunner({ clock: virtualClock() });
    const read = vi.fn();
    const details = Object.defineProperty({}, 'a', { get: read, enumerable: true });
    await runner.call(tool('t', {}, (_: unknown, { log }) => log.error(details, 'x')));
    expect(warned).not.toHaveBeenCalled();
    expect(out).not.toHaveBeenCalled();
    expect(read).not.toHaveBeenCalled();
  });

  it('does not look at what is for a level that nobody takes', async () => {
    const read = vi.fn();
    const details = Object.defineProperty({}, 'a', { get: read, enumerable: true });
    const lines = await written((log) => log.debug(details, 'x'), 'info');
    expect(lines).toEqual([]);
    expect(read).not.toHaveBeenCalled();
  });

  it('tells attempts, stages and tools of one run apart', async () => {
    const raw: string[] = [];
    const logger = pino({ level: 'info' }, { write: (line: string) => void raw.push(line) });
    const again = defineInterceptor({
      name: 'again',
      priority: Place.retry,
      applies: 'tool',
      intercept: (call, next) => {
        void next;
        return next(call.again({ error: new Error('once more') }));
      },
    });
    const runner = createRunner({ clock: virtualClock(), logger, use: [again] });
    const inner = tool('inner', {}, (_: unknown, { log }) => log.info({ where: 'tool' }, 'x'));
    const run = runner.run(
      pipeline('p').stage('s', (_, { log, call }) => {
        log.info({ where: 'stage' }, 'x');
        return call(inner);
      }),
    );
    await run;
    const lines = raw.map((line) => JSON.parse(line)).filter(({ where }) => where !== undefined);
    expect(lines).toMatchObject([
      { where: 'stage', sluice: { runId: run.id, target: 'stage', name: 's', attempt: 1 } },
      { where: 'tool', sluice: { runId: run.id, target: 'tool', name: 'inner', attempt: 2 } },
    ]);
  });
});
