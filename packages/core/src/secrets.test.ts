import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Context } from './context.ts';
import { TimeoutError } from './errors/timeout-error.ts';
import { defineInterceptor } from './interceptor.ts';
import { pipeline } from './pipeline.ts';
import { failure } from './pipeline-bench.test-kit.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import type { RunnerOptions } from './runner-options.ts';
import { virtualClock } from './testing/virtual-clock.ts';
import { tool } from './tool.ts';

afterEach(() => vi.restoreAllMocks());

/** A runner that logs everything by the real pino; what it has written, line by line. */
function logged(options: RunnerOptions = {}) {
  const raw: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => void raw.push(line) });
  return { raw, runner: createRunner({ clock: virtualClock(), logger, ...options }) };
}

/** What stands for a secret: a word that is nowhere else. */
const planted = (at: number): string => `planted${String.fromCharCode(65 + at)}9q`;
const [a, b, c, d, e, f, g, h, i, j, k, l] = Array.from({ length: 12 }, (_, at) => planted(at));

/** Twelve secrets, each in a place of another kind. */
const PLACES: readonly (readonly [string, unknown])[] = [
  ['a field', { user: { apiKey: a } }],
  ['headers as an object', { headers: { Authorization: `Bearer ${b}`, accept: 'text/plain' } }],
  [
    'headers as pairs',
    {
      headers: [
        ['accept', 'text/plain'],
        ['x-api-key', c],
      ],
    },
  ],
  ['rawHeaders', { rawHeaders: ['Accept', 'text/plain', 'Set-Cookie', `sid=${d}; Path=/`] }],
  ['Headers of the host', { headers: new Headers({ cookie: `session=${e}` }) }],
  ['a list', { list: [1, [{ password: f }]] }],
  ['a JSON text', { body: `{"user":"bob","client_secret":"${g}"}` }],
  ['JSON in JSON', { body: JSON.stringify({ inner: JSON.stringify({ refreshToken: h }) }) }],
  ['a URL', { url: `https://bob:${i}@example.com/x` }],
  ['a URL with a query', { url: new URL(`https://example.com/x?access_token=${j}&page=2`) }],
  ['a map', { env: new Map([['PGPASSWORD', k]]) }],
  ['a name beside its value', { pairs: [{ name: 'x-api-key', value: l }] }],
];
const ALL = Object.fromEntries(PLACES.map(([name, value], at) => [`place ${at} ${name}`, value]));
const MESSAGE = `401: token=${a} at https://bob:${b}@example.com?api_key=${c}; ${JSON.stringify({ password: d })}`;

function leaks(raw: readonly string[]): string[] {
  return raw.filter((line) => line.includes('planted'));
}

const error = (): Error =>
  Object.assign(
    new Error(MESSAGE, {
      cause: new AggregateError(
        [Object.assign(new Error(`Authorization: Bearer ${e}`), ALL), new Error(`password=${f}`)],
        `token=${g}`,
        { cause: Object.assign(new TypeError(`--api-key ${h}`), ALL) },
      ),
    }),
    ALL,
    { code: `token=${i}` },
  );

describe('twelve planted secrets are in no line', () => {
  it.each<[string, (ctx: Context) => unknown]>([
    [
      'when they are in an error, its causes and its own fields',
      () => {
        throw error();
      },
    ],
    [
      'when they are in an error of Sluice',
      () => {
        throw new TimeoutError(MESSAGE, {
          cause: error(),
          scope: `token=${j}`,
          remediation: `Use password=${k}`,
          partial: ALL,
          details: { ...ALL, text: MESSAGE },
        });
      },
    ],
    [
      'when they are in a text that is thrown',
      () => {
        throw `token=${a}`;
      },
    ],
    ['when they are in an object for the log', ({ log }) => log.info(ALL)],
    ['when they are in an object and the message', ({ log }) => log.warn(ALL, MESSAGE)],
    ['when they are in an error for the log', ({ log }) => log.error(error(), MESSAGE)],
    ['when they are in an error under err', ({ log }) => log.error({ err: error(), ...ALL }, 'went wrong')],
    ['when they are in an error under another name', ({ log }) => log.error({ reason: error() }, 'went wrong')],
    ['when they are in a list for the log', ({ log }) => log.debug([ALL, [ALL]])],
    ['when they are in the data of an event', ({ emit }) => emit('mine', ALL)],
    ['when they are in a text with an event', ({ emit }) => emit('mine', MESSAGE)],
    ['when they are in a note about progress', ({ progress }) => progress(0.5, MESSAGE)],
    [
      'when cleanup throws them',
      ({ onCleanup }) =>
        onCleanup(() => {
          throw error();
        }),
    ],
    ['when they are in what is reported wrong', ({ progress }) => progress(MESSAGE as never)],
  ])('%s', async (_, work) => {
    const { raw, runner } = logged();
    const one = tool('one', {}, (_input: unknown, ctx) => void work(ctx));
    await runner.run(pipeline('p').stage('s', (_input, { call }) => call(one))).catch(() => {});
    expect(raw.length).toBeGreaterThan(8);
    expect(leaks(raw)).toEqual([]);
    expect(raw.join()).toContain('[redacted]');
  });

  it('when an interceptor tells them, as a plugin tells heartbeats', async () => {
    const plugin = defineInterceptor({
      name: 'teller',
      priority: Place.total,
      intercept: (call, next) => {
        call.emit('heartbeat', { details: ALL });
        call.emit('retry.wait', { error: error(), reason: MESSAGE });
        return next(call);
      },
    });
    const { raw, runner } = logged({ use: [plugin] });
    await runner.call(tool('t', {}, () => 1));
    expect(raw.join()).toContain('example.com');
    expect(leaks(raw)).toEqual([]);
  });

  it('when a listener throws them', async () => {
    const { raw, runner } = logged();
    runner.events$.subscribe(() => {
      throw error();
    });
    await runner.call(tool('t', {}, () => 1));
    expect(raw.join()).toContain('A listener threw');
    expect(leaks(raw)).toEqual([]);
  });

  it('when a run is cancelled for a reason that has them', async () => {
    const { raw, runner } = logged();
    const run = runner.run(
      pipeline('p').stage('s', (_input, { signal }) =>
        failure(new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))),
      ),
    );
    await new Promise((resolve) => setImmediate(resolve));
    run.cancel(MESSAGE);
    await run.report;
    expect(raw.join()).toContain('was cancelled');
    expect(leaks(raw)).toEqual([]);
  });
});

describe('a secret', () => {
  it('whose name is in the message and that is an argument to it is in no line', async () => {
    const { raw, runner } = logged();
    const work = tool('t', {}, (_: unknown, { log }) => {
      const print = log.info as unknown as (message: string, ...args: unknown[]) => void;
      print('sent token=%s', a);
      print('sent Authorization: Bearer %s', b);
      print('sent Bearer %s to it', `${c}-longer`);
      print('sent %j', { password: d });
      print('sent %o', { headers: { cookie: e } });
    });
    await runner.call(work);
    expect(leaks(raw)).toEqual([]);
  });

  it.each(['%j', '%o', '%O', '%s', ''])('in an object that is an argument to %j is in no line', async (placeholder) => {
    const { raw, runner } = logged();
    const work = tool('t', {}, (_: unknown, { log }) => {
      for (const [name, value] of PLACES) log.info({}, `${name} ${placeholder}`, value);
      log.info(`error ${placeholder}`, error());
    });
    await runner.call(work);
    expect(leaks(raw)).toEqual([]);
  });

  it('in the JSON of a message is not in the stack, either', async () => {
    const { raw, runner } = logged();
    const bad = new Error(JSON.stringify([{ name: 'x-api-key', value: a }]));
    bad.stack = `Error [ERR_BAD]: ${bad.message}\n    at Socket.emit [as end] (node:events:517:28)`;
    await failure(runner.call(tool('t', {}, () => Promise.reject(bad))));
    expect(leaks(raw)).toEqual([]);
  });

  it('at the edge of a thrown text that is cut is not half in a line', async () => {
    const { raw, runner } = logged();
    const text = `${'-'.repeat(44)} ghp_PLANTEDplanted0123456789abcdefghij`;
    await failure(runner.call(tool('t', {}, () => Promise.reject(text))));
    expect(raw.filter((line) => /ghp_|planted/i.test(line))).toEqual([]);
  });

  it('is in no process warning where there is no logger', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const runner = createRunner({ clock: virtualClock() });
    runner.events$.subscribe(() => {
      throw error();
    });
    await runner.call(tool('t', {}, () => 1));
    expect(warned).toHaveBeenCalled();
    expect(JSON.stringify(warned.mock.calls)).not.toContain('planted');
  });

  it('that the logger throws is in no process warning', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const bad = (): never => {
      throw error();
    };
    const runner = createRunner({ clock: virtualClock(), logger: { debug: bad, info: bad, warn: bad, error: bad } });
    await runner.call(tool('t', {}, () => 1));
    expect(warned).toHaveBeenCalledTimes(1);
    expect(JSON.stringify(warned.mock.calls)).not.toContain('planted');
  });

  it('of ones own is one by the names and patterns that the runner is made with', async () => {
    const { raw, runner } = logged({ redact: { keys: ['tenantId', /^x-internal/], values: [/cust_\w+/] } });
    const work = tool('t', {}, (_: unknown, { log, emit }) => {
      log.info({ tenant_id: a, 'x-internal-id': b, fine: 'shown' }, `of cust_${c}`);
      emit('mine', { TENANT_ID: d, list: [`cust_${e}`] });
      throw new Error(`TENANT-ID=${f} cust_${g}`, { cause: new Error(`tenantId: ${h}`) });
    });
    await failure(runner.call(work));
    expect(raw.join()).toContain('shown');
    expect(leaks(raw)).toEqual([]);
  });

  it('hides nothing that stands beside it', async () => {
    const { raw, runner } = logged();
    await runner.call(tool('t', {}, (_: unknown, { log }) => log.info(ALL, MESSAGE)));
    for (const kept of ['text/plain', 'bob', 'page=2', 'example.com', '401']) expect(raw.join()).toContain(kept);
  });
});
