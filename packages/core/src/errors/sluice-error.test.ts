import { describe, expect, it } from 'vitest';
import {
  CancelledError,
  CircuitOpenError,
  ConfigError,
  InterceptorError,
  isSluiceError,
  NonErrorThrownError,
  QueueFullError,
  RetryExhaustedError,
  StageFailedError,
  TimeoutError,
} from '../index.ts';

const BRAND = Symbol.for('sluice.error');
const fail = (): never => {
  throw new Error('touched');
};
const touchy = { get: fail, has: fail, getPrototypeOf: fail, ownKeys: fail, getOwnPropertyDescriptor: fail };

describe('an error of Sluice', () => {
  it('has what it was made with, and from the table of codes what it was not', () => {
    const call = { target: 'tool', name: 'search', attempt: 2, runId: 'r1' } as const;
    const cause = new Error('why');
    const error = new TimeoutError('too slow', {
      call,
      scope: 'tool:search',
      retryable: false,
      retryAfterMs: 5,
      remediation: 'Wait.',
      partial: [1],
      details: { limitMs: 100 },
      cause,
    });
    expect({ ...error }).toEqual({
      code: 'TIMEOUT',
      verdict: 'timeout',
      call,
      scope: 'tool:search',
      retryable: false,
      retryAfterMs: 5,
      remediation: 'Wait.',
      partial: [1],
      details: { limitMs: 100 },
    });
    expect(error.cause).toBe(cause);
    expect(new TimeoutError('x', { remediation: '' }).remediation).not.toBe('');
    expect(new TimeoutError('x').details).toEqual({});
    expect(Object.prototype.toString.call(error)).toBe('[object SluiceError]');
  });

  it('has only the fields that say something', () => {
    expect(Object.keys(new CancelledError('x')).sort()).toEqual([
      'code',
      'details',
      'remediation',
      'retryable',
      'verdict',
    ]);
    expect('cause' in new CancelledError('x')).toBe(false);
    expect('cause' in new NonErrorThrownError('x', { cause: undefined })).toBe(true);
  });
});

describe('isSluiceError', () => {
  it('recognises an error of another copy of the package, by its brand and code', () => {
    const foreign: unknown = { [BRAND]: true, code: 'TIMEOUT' };
    expect(isSluiceError(foreign)).toBe(true);
    expect(isSluiceError(foreign, 'TIMEOUT')).toBe(true);
    expect(isSluiceError(foreign, 'CANCELLED')).toBe(false);
    expect(isSluiceError(Object.freeze(new CancelledError('x')), 'CANCELLED')).toBe(true);
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a text', 'TIMEOUT'],
    ['a function', () => {}],
    ['an Error with such a code', Object.assign(new Error('x'), { code: 'TIMEOUT' })],
    ['a brand that is not true', { [BRAND]: 'yes', code: 'TIMEOUT' }],
    ['a Proxy that throws at any touch', new Proxy(new TimeoutError('x'), touchy)],
    ['a getter that throws', Object.defineProperty({}, BRAND, { get: fail })],
    [
      'a code that cannot be read',
      {
        [BRAND]: true,
        get code() {
          return fail();
        },
      },
    ],
  ])('says no to %s', (_, value) => {
    expect(isSluiceError(value, 'TIMEOUT')).toBe(false);
  });
});

describe('toJSON', () => {
  it('says everything that the error says, but its stack only when asked', () => {
    const error = new StageFailedError('Stage "a" failed', {
      scope: 'stage:a',
      partial: { rows: 1 },
      details: { n: 1 },
      cause: new TypeError('bad'),
    });
    const plain = {
      name: 'StageFailedError',
      code: 'STAGE_FAILED',
      message: 'Stage "a" failed',
      verdict: 'failed',
      scope: 'stage:a',
      retryable: false,
      remediation: error.remediation,
      partial: { rows: 1 },
      details: { n: 1 },
      cause: { name: 'TypeError', message: 'bad' },
    };
    expect(error.toJSON()).toEqual(plain);
    expect(JSON.parse(JSON.stringify({ error }))).toEqual({ error: plain });
    expect(error.toJSON({ stack: false })).toEqual(plain);
    expect(error.toJSON({ stack: true })).toEqual({ ...plain, stack: error.stack });
  });

  it('is safe on cycles and hostile values', () => {
    const details: Record<string, unknown> = { big: 1n, fn: fail, proxy: new Proxy({}, touchy), toJSON: fail };
    details['self'] = details;
    const error = new InterceptorError('x', 'threw', {
      details,
      partial: {
        get bad() {
          return fail();
        },
      },
    });
    error.cause = error;
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({
      partial: { bad: '[unreadable]' },
      details: { big: '1n', fn: '[function]', proxy: '[Proxy]', toJSON: '[function]', self: { self: '[circular]' } },
      cause: { code: 'INTERCEPTOR', cause: '[circular]' },
    });
    expect(new NonErrorThrownError('x', { cause: fail }).toJSON()['cause']).toBe('a function');
  });
});

describe('RETRY_EXHAUSTED', () => {
  it('takes verdict, partial and retryAfterMs from its cause, unless it says so itself', () => {
    const cause = new TimeoutError('slow', { partial: [1], retryAfterMs: 7 });
    const { verdict, partial, retryAfterMs, retryable } = new RetryExhaustedError('x', { cause, partial: undefined });
    expect({ verdict, partial, retryAfterMs, retryable }).toEqual({
      verdict: 'timeout',
      partial: [1],
      retryAfterMs: 7,
      retryable: false,
    });
    expect(new RetryExhaustedError('x', { cause, partial: [2] }).partial).toEqual([2]);
    expect(new RetryExhaustedError('x', { cause: new Error('plain') }).verdict).toBe('failed');
  });
});

describe('STAGE_FAILED', () => {
  it.each([
    [true, new TimeoutError('slow')],
    [false, new QueueFullError('full')],
    [false, new Error('plain')],
  ])('is as retryable as its cause: %s', (retryable, cause) => {
    expect(new StageFailedError('x', { cause, retryable: undefined }).retryable).toBe(retryable);
    expect(new StageFailedError('x', { cause, retryable: !retryable }).retryable).toBe(!retryable);
  });
});

describe('CONFIG', () => {
  it('lists every issue, in the message and for programs', () => {
    const issues = [
      { path: 'a', message: 'a: bad' },
      { path: 'b', message: 'b: worse' },
    ];
    const error = new ConfigError(issues);
    expect([error.message, error.issues, error.details]).toEqual(['a: bad\nb: worse', issues, { issues }]);
    expect(new ConfigError('all of it').issues).toEqual([{ path: '', message: 'all of it' }]);
  });
});

describe('INTERCEPTOR', () => {
  it('names the interceptor at fault, in the message and for programs', () => {
    const error = new InterceptorError('audit', 'threw', { details: { level: 1 }, cause: 'x' });
    expect([error.message, error.interceptor, error.details, error.cause]).toEqual([
      'Interceptor "audit" threw',
      'audit',
      { level: 1, interceptor: 'audit' },
      'x',
    ]);
  });
});

it('a local rejection says when to come back', () => {
  expect(new CircuitOpenError('open', { retryAfterMs: 1_200 }).toJSON()['retryAfterMs']).toBe(1_200);
});
