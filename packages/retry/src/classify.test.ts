import {
  type Call,
  CancelledError,
  CircuitOpenError,
  ConfigError,
  InvalidInputError,
  InvalidOutputError,
  QueueFullError,
  RetryExhaustedError,
} from '@sluice/core';
import { seededRandom } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import type { Classifier } from './classifier.ts';
import { classify, repeatsExhausted, repeatsLocal } from './classify.ts';
import { retryLater } from './retry-later.ts';
import { retryOn } from './retry-on.ts';

const { all, any, code, defaults, errors, not, status, when } = retryOn;
const call = { target: 'tool', name: 'search', attempt: 1 } as Call;
const error = (marks: object = {}): Error => Object.assign(new Error('x'), marks);
const again = (what: unknown, on: Classifier = defaults): boolean => classify(what, call, on).again;
const because = (what: unknown, on: Classifier = defaults): string | undefined => {
  const classified = classify(what, call, on);
  return classified.again ? undefined : classified.because;
};
const always = when(() => true);

describe('by default', () => {
  it('four transient and four permanent kinds, a hundred mixed, are each as classified', () => {
    const transient = [{ code: 'ECONNRESET' }, { status: 429 }, { status: 503 }, { retryable: true }];
    const permanent = [
      { status: 401 },
      { status: 404 },
      { code: 'invalid_api_key' },
      { code: 'context_length_exceeded' },
    ];
    const random = seededRandom(7);
    for (let count = 0; count < 100; count++) {
      const passes = random() < 0.5;
      const kinds = passes ? transient : permanent;
      expect(again(error(kinds[Math.floor(random() * 4)]))).toBe(passes);
    }
  });

  it('work that asks for another attempt gets it', () => {
    expect(again(retryLater({ after: 5 }))).toBe(true);
  });

  it.each<[string, unknown]>([
    ['cancelled', new CancelledError('x')],
    ['the configuration is wrong', new ConfigError('x')],
    ['it says that it is not retryable', error({ retryable: false })],
    ['status 404 is permanent', error({ status: 404 })],
    ['insufficient_quota is permanent', error({ status: 429, type: 'insufficient_quota' })],
    ['status 409 is not repeated unless retryOn asks for it', error({ status: 409 })],
    ['ENOENT is not repeated unless retryOn asks for it', error({ code: 'ENOENT' })],
    ['it is a mistake in the program', new TypeError('x')],
    ['CIRCUIT_OPEN is not repeated unless retryOn asks for it', new CircuitOpenError('x')],
    ['a nested retry has given up', new RetryExhaustedError('x')],
    ['INVALID_OUTPUT is not repeated unless retryOn asks for it', new InvalidOutputError('x')],
  ])('says why not: %s', (words, what) => {
    expect(because(what)).toBe(words);
  });
});

describe('whatever retryOn says', () => {
  it.each<[string, unknown]>([
    ['a cancellation', new CancelledError('x')],
    ['a wrong configuration', new ConfigError('x')],
    ['an error that says that it is not retryable', error({ retryable: false })],
    ['an error of Sluice that says so', new InvalidInputError('x')],
    ['a permanent status', error({ status: 404 })],
    ['a permanent code', error({ code: 'invalid_api_key' })],
  ])('%s is not repeated, and no function is asked', (_, what) => {
    let asked = 0;
    const on = any(
      when(() => {
        asked++;
        return true;
      }),
      not(code('ODD')),
    );
    expect([again(what, on), asked]).toEqual([false, 0]);
  });

  it('what it does not say is not repeated', () => {
    expect(because(error({ status: 503 }), status(429))).toBe('not what retryOn says');
  });

  it('a mistake in the program and a status that lasts are repeated for who asks', () => {
    expect(again(new TypeError('x'), errors(TypeError))).toBe(true);
    expect(again(error({ status: 409 }), always)).toBe(true);
  });

  it('what a function throws is thrown', () => {
    const fault = new Error('fault');
    const on = when(() => {
      throw fault;
    });
    expect(() => classify(error(), call, on)).toThrow(fault);
  });

  it('a function is given the error and the call', () => {
    const seen: unknown[] = [];
    const what = error();
    classify(
      what,
      call,
      when((...given) => seen.push(...given) > 0),
    );
    expect(seen).toEqual([what, call]);
  });

  it('only true is yes: not a promise, which a function of JavaScript may answer', () => {
    expect(again(error(), when((() => Promise.resolve(true)) as never))).toBe(false);
  });
});

describe('a permanent error', () => {
  it('is repeated when its status or its code is named', () => {
    expect(again(error({ status: 404 }), any(defaults, status(404)))).toBe(true);
    expect(again(error({ status: 404 }), status('4xx'))).toBe(true);
    expect(again(error({ status: 501 }), status('5xx'))).toBe(true);
    expect(again(error({ code: 'insufficient_quota', status: 429 }), code('insufficient_quota'))).toBe(true);
    expect(again(error({ code: 'invalid_api_key', status: 401 }), status(401))).toBe(true);
  });

  it('is not repeated because something else of it is named', () => {
    expect(again(error({ code: 'insufficient_quota', status: 429 }), status(429))).toBe(false);
    expect(again(error({ status: 404 }), any(always, status(403)))).toBe(false);
  });

  it('is not repeated when its name is named in a not', () => {
    expect(again(error({ status: 404 }), any(not(status(404)), always))).toBe(false);
    expect(again(error({ status: 404 }), not(not(status(404))))).toBe(true);
  });

  it('must still fit the rest of an all', () => {
    const on = all(
      status(403),
      when((what) => (what as { slow?: boolean }).slow === true),
    );
    expect(again(error({ status: 403, slow: true }), on)).toBe(true);
    expect(again(error({ status: 403 }), on)).toBe(false);
  });
});

describe.each([
  ['an open circuit', new CircuitOpenError('x'), 'CIRCUIT_OPEN', CircuitOpenError],
  ['a full queue', new QueueFullError('x'), 'QUEUE_FULL', QueueFullError],
  ['an output of another form', new InvalidOutputError('x'), 'INVALID_OUTPUT', InvalidOutputError],
  [
    'a nested retry that gave up',
    new RetryExhaustedError('x', { cause: error({ status: 503, code: 'ECONNRESET' }) }),
    'RETRY_EXHAUSTED',
    RetryExhaustedError,
  ],
] as const)('%s', (_, what, name, Class) => {
  it.each<[string, Classifier]>([
    ['its code', code(name)],
    ['its class', errors(Class)],
    ['a function that answers true', always],
    ['its code beside others', any(status(503), code(name))],
    ['its code, with an exception that it is not', all(code(name), not(status(404)))],
    ['a function, after something else that agrees', any(not(code('ODD')), always)],
    ['one by hand', Object.assign(() => true, { names: () => false, describe: () => 'always' })],
  ])('is repeated for %s', (__, on) => {
    expect(again(what, on)).toBe(true);
  });

  it.each<[string, Classifier]>([
    ['the defaults', defaults],
    ['what its cause carries', any(status(503), code('ECONNRESET'))],
    ['a class that is too wide', errors(Error)],
    ['who only excludes something else', not(status(404))],
    ['who excludes it', all(always, not(code(name)))],
    [
      'a function that answers false, beside what agrees',
      any(
        not(code('ODD')),
        when(() => false),
      ),
    ],
    [
      'its code together with what does not fit',
      all(
        code(name),
        when(() => false),
      ),
    ],
  ])('is not repeated for %s', (__, on) => {
    expect(again(what, on)).toBe(false);
  });
});

it('what repeats local rejections, or retries that gave up, is known without asking functions', () => {
  const asked = when(() => {
    throw new Error('asked');
  });
  expect(
    [defaults, asked, code('ECONNRESET'), errors(Error), not(code('CIRCUIT_OPEN'))].map(repeatsLocal),
  ).not.toContain(true);
  expect(
    [code('RATE_LIMITED'), any(asked, code('QUEUE_TIMEOUT')), errors(CircuitOpenError)].map(repeatsLocal),
  ).not.toContain(false);
  expect([defaults, code('CIRCUIT_OPEN'), asked].map(repeatsExhausted)).not.toContain(true);
  expect([code('RETRY_EXHAUSTED'), errors(RetryExhaustedError)].map(repeatsExhausted)).not.toContain(false);
});
