import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConfigError } from './errors/config-error.ts';
import type { FindingCode } from './finding.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { Place } from './place.ts';
import type { PolicyClaim } from './policies.ts';
import { createRunner } from './runner.ts';
import { stack } from './stack.ts';
import { tool } from './tool.ts';
import type { Traits } from './traits.ts';

afterEach(() => vi.restoreAllMocks());

function standing(priority: number, traits: Traits, policy?: PolicyClaim): Interceptor {
  const intercept: Interceptor['intercept'] = (call, next) => next(call);
  return defineInterceptor({ name: traits.role, priority, traits, intercept, ...(policy && { policy }) });
}

const claim: PolicyClaim = { key: 'retry', parse: (value) => ({ ...(value as object) }) };
const total = (limit = 30_000, origin?: object): Interceptor =>
  standing(Place.total, { role: 'total', limit, ...(origin && { origin }) });
const attempt = (limit = 10_000, origin?: object): Interceptor =>
  standing(Place.attempt, { role: 'attempt', limit, ...(origin && { origin }) });
const heartbeat = (limit = 5_000): Interceptor => standing(Place.attempt, { role: 'heartbeat', limit });
const retry = (more: object = {}, priority: number = Place.retry): Interceptor =>
  standing(priority, { role: 'retry', attempts: 3, longestWait: 1_000, ...more }, claim);
const breaker = (window = 60_000, more: object = {}, priority: number = Place.breaker): Interceptor =>
  standing(priority, { role: 'breaker', window, stateful: true, ...more });
const rate = (priority: number = Place.rate): Interceptor =>
  standing(priority, { role: 'rate', queues: false, stateful: true });
const concurrency = (priority: number = Place.concurrency, more: object = {}): Interceptor =>
  standing(priority, { role: 'concurrency', queues: true, stateful: true, ...more });
const fallback = (priority: number = Place.fallback): Interceptor => standing(priority, { role: 'fallback' });

/** What is found, through what users call: each code once. */
function found(plugins: readonly Interceptor[], options: object = {}): FindingCode[] {
  vi.spyOn(process, 'emitWarning').mockReturnValue();
  return stack(plugins)
    .explain(tool('t', options, () => 1))
    .findings.map(({ code }) => code);
}

const INF = Number.POSITIVE_INFINITY;
const shared = breaker();
const one = {};

/** Each code: what it is found in, and the nearest thing in which it is not. */
const CASES: readonly [
  FindingCode,
  bad: readonly Interceptor[],
  good: readonly Interceptor[],
  badTool?: object,
  goodTool?: object,
][] = [
  ['attempt-not-under-total', [total(5), attempt(5)], [total(5), attempt(4)]],
  ['attempt-not-under-total', [total(5), attempt(6)], [total(5), attempt(INF)]],
  ['attempt-not-under-total', [total(5, one), attempt(5, one)], [total(INF, one), attempt(6, one)]],
  ['backoff-over-total', [total(), retry({ longestWait: 30_001 })], [total(), retry({ longestWait: 30_000 })]],
  ['backoff-over-total', [total(5), retry({ longestWait: 6 })], [total(INF), retry({ longestWait: 6 })]],
  ['idle-not-under-attempt', [attempt(5), heartbeat(5)], [attempt(5), heartbeat(4)]],
  ['idle-not-under-attempt', [attempt(5), heartbeat(6)], [attempt(5), heartbeat(INF)]],
  ['retry-inside-breaker', [total(), breaker(), retry({}, Place.breaker + 1)], [total(), breaker(), retry()]],
  ['limit-outside-retry', [total(), concurrency(Place.admission), retry()], [total(), concurrency(), retry()]],
  ['limit-outside-retry', [total(), rate(Place.admission), retry()], [total(), rate(), retry()]],
  ['queue-inside-attempt', [attempt(), concurrency(Place.chaos)], [attempt(), concurrency()]],
  [
    'queue-inside-attempt',
    [attempt(), concurrency(Place.chaos)],
    [attempt(), concurrency(Place.chaos, { queueTimeout: 5 })],
  ],
  [
    'queue-inside-attempt',
    [attempt(), concurrency(Place.chaos)],
    [attempt(), concurrency(Place.chaos, { queues: false })],
  ],
  ['queue-inside-attempt', [attempt(), concurrency(Place.chaos)], [attempt(INF), concurrency(Place.chaos)]],
  ['retry-without-deadline', [retry()], [total(), retry()]],
  ['retry-without-deadline', [total(INF), retry()], [total(1e9), retry()]],
  ['retry-without-deadline', [total(), retry({}, Place.observe)], [total(), retry()]],
  ['retry-without-limit', [total(), retry({ attempts: INF })], [total(), retry({ attempts: 100 })]],
  ['fallback-inside', [total(), retry(), fallback(Place.retry + 1)], [total(), retry(), fallback()]],
  ['fallback-inside', [breaker(), fallback(Place.breaker + 1)], [breaker(), fallback()]],
  ['breaker-window-short', [breaker(19_999), attempt()], [breaker(20_000), attempt()]],
  ['breaker-window-short', [breaker(5), attempt()], [breaker(5), attempt(INF)]],
  ['local-rejections-counted', [total(), retry({ repeatsLocal: true })], [total(), retry({ repeatsLocal: false })]],
  ['local-rejections-counted', [breaker(60_000, { countsLocal: true })], [breaker(60_000, { countsLocal: false })]],
  [
    'retry-not-idempotent',
    [total(), retry()],
    [total(), retry({ attempts: 1 })],
    { idempotent: false },
    { idempotent: false },
  ],
  ['retry-not-idempotent', [total(), retry()], [total(), retry()], { idempotent: false }, { idempotent: true }],
  [
    'retry-not-idempotent',
    [total(), retry()],
    [total(), retry()],
    { idempotent: false },
    { idempotent: false, retry: 'none' },
  ],
  [
    'retry-not-idempotent',
    [total(), retry({ attempts: 1 }), retry()],
    [total()],
    { idempotent: false },
    { idempotent: false },
  ],
  ['unclaimed-policy', [total()], [total(), retry()], { retry: {} }, { retry: {} }],
  [
    'retries-multiply',
    [total(), retry({ repeatsExhausted: true, attempts: 6 }), retry({ attempts: 1 })],
    [total(), retry({ repeatsExhausted: true, attempts: 5 }), retry({ attempts: 1 })],
  ],
  [
    'retries-multiply',
    [total(), retry({ repeatsExhausted: true })],
    [total(), retry({ repeatsExhausted: true, attempts: 2 })],
  ],
  ['retries-multiply', [total(), retry({ repeatsExhausted: true, attempts: 2 }), retry()], [total(), retry(), retry()]],
];

describe.each(CASES)('%s', (code, bad, good, badTool, goodTool) => {
  it('is found where it is so, and not where it is not', () => {
    expect(found(bad, badTool)).toContain(code);
    expect(found(good, goodTool)).not.toContain(code);
  });
});

it('nothing is found in the recommended stack', () => {
  const recommended = [fallback(), total(), retry(), breaker(), rate(), concurrency(), attempt(), heartbeat()];
  expect(found(recommended)).toEqual([]);
  expect(found([...recommended].reverse(), { retry: { attempts: 2 } })).toEqual([]);
});

it('nothing is found in strangers that say nothing of themselves', () => {
  const quiet = defineInterceptor({ name: 'quiet', priority: 0, intercept: (call, next) => next(call) });
  expect(found([quiet, quiet])).toEqual([]);
});

describe('a finding that is an error', () => {
  it('keeps a stack from being built where one stateful instance stands in it twice', () => {
    const message =
      '"breaker" stands in the stack twice as the same instance, so it would count every call twice. Remove one, or make two instances.';
    expect(() => stack([shared, shared])).toThrow(ConfigError);
    expect(() => createRunner({ use: [[shared], shared], acknowledge: ['duplicate-stateful'] })).toThrow(message);
    expect(found([shared, breaker()])).toEqual([]);
  });

  it('keeps a stack from being built where the attempt is over the total in one set of options', () => {
    expect(() => stack([total(5, one), attempt(6, one)])).toThrow(
      expect.objectContaining({
        code: 'CONFIG',
        message:
          'In one set of options the attempt timeout of 6 ms is not below the total of 5 ms, so it could never be reached. Lower the attempt timeout, or raise the total.',
        issues: [expect.objectContaining({ path: 'attempt-over-total-in-one' })],
      }),
    );
    expect(found([total(5, {}), attempt(6, {})])).toEqual(['attempt-not-under-total']);
  });
});

describe('a finding that is a warning', () => {
  const retrying = retry();
  const message = 'No deadline stands around "retry". Add timeout({ total }) around it.';

  it('has a code, one sentence and the fix', () => {
    vi.spyOn(process, 'emitWarning').mockReturnValue();
    expect(stack([retrying]).findings).toEqual([
      {
        code: 'retry-without-deadline',
        level: 'warning',
        message: 'No deadline stands around "retry"',
        fix: 'Add timeout({ total }) around it.',
      },
    ]);
  });

  it('is said once by a stack, as a process warning', async () => {
    const emit = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const made = stack([retrying]);
    await made.execute(() => 1);
    await made.execute(() => 1, { name: 'other' });
    expect(emit.mock.calls).toEqual([[message, 'SluiceWarning', 'retry-without-deadline']]);
  });

  it('is said once by a runner, to its logger, with its code', async () => {
    const emit = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const warn = vi.fn();
    const runner = createRunner({ use: [retrying], logger: { debug: vi.fn(), info: vi.fn(), warn, error: vi.fn() } });
    expect(warn).toHaveBeenCalledTimes(1);
    await runner.call(tool('a', {}, () => 1));
    await runner.call(tool('b', {}, () => 1));
    expect(warn.mock.calls).toEqual([[{ sluice: { type: 'warning', code: 'retry-without-deadline' } }, message]]);
    expect(emit).not.toHaveBeenCalled();
  });

  it('of one target is said when that target is first used', async () => {
    const emit = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const runner = createRunner({ use: [total(), retrying] });
    const once = tool('pay', { idempotent: false }, () => 1);
    expect(emit).not.toHaveBeenCalled();
    await runner.call(once);
    await runner.call(once);
    runner.wrap(() => 1, { name: 'mail', idempotent: false });
    expect(emit.mock.calls.map(([text]) => text)).toEqual([
      `tool "pay" is marked idempotent: false, and "retry" stands around it. Set retry: 'none' on "pay", or drop idempotent: false.`,
      `function "mail" is marked idempotent: false, and "retry" stands around it. Set retry: 'none' on "mail", or drop idempotent: false.`,
    ]);
  });

  it('names the policy that was meant, where one is near', async () => {
    const emit = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const runner = createRunner({ use: [total(), retrying] });
    await runner.call(tool('a', { rerty: {}, cache: {} } as object, () => 1));
    expect(emit.mock.calls.map(([text]) => text)).toEqual([
      'tool "a" sets "rerty", which no interceptor of the stack claims. Write "retry" if that is what you meant.',
      'tool "a" sets "cache", which no interceptor of the stack claims. Add the plugin that claims it, or remove it.',
    ]);
  });

  it('is not said, and not explained, where it was acknowledged', async () => {
    const emit = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const acknowledge = ['retry-without-deadline', 'retry-not-idempotent'];
    const pay = tool('pay', { idempotent: false }, () => 1);
    const runner = createRunner({ use: [retrying], acknowledge });
    await runner.call(pay);
    expect(runner.explain(pay).findings).toEqual([]);
    expect(stack([retrying], { acknowledge }).findings).toEqual([]);
    expect(emit).not.toHaveBeenCalled();
  });

  it('is not about what is switched off', () => {
    vi.spyOn(process, 'emitWarning').mockReturnValue();
    const off = retry({ attempts: INF });
    const made = stack([{ ...off, policy: { ...claim, options: 'none' } }]);
    expect(made.findings).toEqual([]);
    expect(made.explain(tool('a', { retry: {} } as object, () => 1)).findings).toHaveLength(2);
  });

  it('follows the numbers that hold for the target', () => {
    vi.spyOn(process, 'emitWarning').mockReturnValue();
    const following = defineInterceptor({
      ...retry(),
      policy: { ...claim, defaults: { attempts: 3 } },
      traits: ({ attempts }) => ({ role: 'retry', attempts: attempts as number, longestWait: 0 }),
    });
    const made = stack([total(), following]);
    const codes = (options: object): unknown[] =>
      made.explain(tool('a', options, () => 1)).findings.map(({ code }) => code);
    expect(codes({})).toEqual([]);
    expect(codes({ retry: { attempts: INF } })).toEqual(['retry-without-limit']);
  });
});
