import {
  CancelledError,
  ConfigError,
  DrainingError,
  HeartbeatLostError,
  InterceptorError,
  InvalidInputError,
  InvalidOutputError,
  NonErrorThrownError,
  RetryExhaustedError,
  SkippedError,
  StageFailedError,
  TimeoutError,
} from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { testimonyOf } from './testimony.ts';

const error = (marks: object = {}, cause?: unknown): Error =>
  Object.assign(new Error('x', cause === undefined ? undefined : { cause }), marks);
const named = (name: string, marks: object = {}): Error => Object.assign(error(marks), { name });
const fetchFailed = (cause?: unknown): Error => new TypeError('fetch failed', { cause });
const thrown = (cause: unknown): Error => new NonErrorThrownError('x', { cause });
const many = (...errors: unknown[]): Error => new AggregateError(errors, 'several');

type Row = readonly [what: string, error: unknown];

describe.each<[kind: string, rows: readonly Row[]]>([
  [
    'nothing',
    [
      ['an Error', new Error('x')],
      ['one with a code that nobody knows', error({ code: 'ODD' })],
      ['one with a status that is no failure', error({ status: 200 })],
      ['one whose causes say nothing', error({}, error({}, 'text'))],
      ['one with the exit code of a process', error({ code: 127 })],
      ['something thrown that is no Error', thrown('boom')],
      ['undefined', undefined],
      ['several that say nothing', many(error(), 'text')],
    ],
  ],
  [
    'network',
    [
      ...['ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'EPIPE', 'EAI_AGAIN', 'ENOTFOUND', 'ENETUNREACH', 'EHOSTUNREACH']
        .concat(['UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'ERR_NETWORK'])
        .map((code): Row => [code, error({ code })]),
      ['one of them in a cause', error({}, error({}, error({ code: 'ECONNRESET' })))],
      ['a fetch that failed', fetchFailed(error({ code: 'UND_ERR_SOCKET' }))],
      [
        'a fetch that failed on all addresses',
        fetchFailed(many(error({ code: 'ETIMEDOUT' }), error({ code: 'ENETUNREACH' }))),
      ],
      ['the limit of an AbortSignal', new DOMException('x', 'TimeoutError')],
      ['a fetch that such a limit ended', fetchFailed(new DOMException('x', 'TimeoutError'))],
    ],
  ],
  [
    'passing',
    [
      ...[408, 425, 429, 500, 502, 503, 504, 520, 529].map((status): Row => [`status ${status}`, error({ status })]),
      ['a statusCode', error({ statusCode: 503 })],
      ['the status of a response', error({ response: { status: 503 } })],
      ['a code that is a status', error({ code: 503 })],
      ['a status in a cause', error({}, error({ status: 503 }))],
      ['one that says so', error({ retryable: true })],
      ['one that says so, against its status', error({ retryable: true, status: 404 })],
      ['one that says so, against its cause', error({ retryable: true }, new TypeError('x'))],
      ['an attempt timeout', new TimeoutError('x', { scope: 'attempt', retryable: true })],
      ['a lost heartbeat', new HeartbeatLostError('x')],
      ['an object with a status that was thrown', thrown({ status: 503 })],
      ['a stage that failed on one', new StageFailedError('x', { cause: error({ status: 503 }) })],
      ['several of which one passes', many(error(), error({ status: 503 }))],
      ['a throttle that is told by its name', named('ThrottlingException')],
    ],
  ],
  [
    'lasting',
    [
      ...[409, 412, 413, 418, 423, 498].map((status): Row => [`status ${status}`, error({ status })]),
      ...[TypeError, RangeError, ReferenceError, SyntaxError, EvalError, URIError].map(
        (Mistake): Row => [Mistake.name, new Mistake('x')],
      ),
      ['a mistake of another realm', named('TypeError')],
      ['a mistake of a class of its own', Object.assign(new (class extends TypeError {})('x'), { name: 'Odd' })],
      ['a mistake in a cause', error({}, new RangeError('x'))],
      ['a mistake whose cause is a 503', new TypeError('x', { cause: error({ status: 503 }) })],
      ['a fetch that failed on nothing of the network', fetchFailed(error())],
      ['an assertion', named('AssertionError', { code: 'ERR_ASSERTION' })],
      ['a file that is not there', error({ code: 'ENOENT' })],
      ['a certificate that is over', fetchFailed(error({ code: 'CERT_HAS_EXPIRED' }))],
      ['several of which one is a mistake', many(error({ status: 503 }), new TypeError('x'))],
    ],
  ],
  [
    'permanent',
    [
      ...[400, 401, 402, 403, 404, 405, 410, 422, 501, 505].map(
        (status): Row => [`status ${status}`, error({ status })],
      ),
      ...['invalid_api_key', 'context_length_exceeded', 'insufficient_quota', 'PERMISSION_DENIED'].flatMap(
        (word): Row[] => [
          [`code ${word}`, error({ code: word })],
          [`type ${word}`, error({ type: word })],
          [`${word} as the status`, error({ status: word })],
          [`error.type ${word}`, error({ error: { type: word } })],
          [`error.error.code ${word}`, error({ error: { type: 'error', error: { code: word } } })],
          [`${word} in the data`, error({ data: { error: { code: word } } })],
          [
            `${word} in the data of the response`,
            error({ response: { status: 429, data: { error: { code: word } } } }),
          ],
        ],
      ),
      ['a quota that is used up, although a 429 passes', error({ status: 429, code: 'insufficient_quota' })],
      ['an answer with a numeric code', error({ error: { code: 404 } })],
      ['a thrown object with a status', thrown({ status: 404 })],
      ['a fetch with such a cause', fetchFailed(error({ code: 'UND_ERR_INVALID_ARG' }))],
      ['a stage that failed on one', new StageFailedError('x', { cause: error({ status: 401 }) })],
      ['several of which one is', many(error({ code: 'ECONNRESET' }), error({ status: 404 }))],
    ],
  ],
  [
    'asked',
    [
      ['retries that gave up', new RetryExhaustedError('x', { cause: error({ status: 503 }) })],
      ['an invalid output', new InvalidOutputError('x')],
    ],
  ],
  [
    'never',
    [
      ['a cancellation', new CancelledError('x')],
      ['a skip', new SkippedError('x')],
      ['an abort', new DOMException('x', 'AbortError')],
      ['an abort by its code', error({ code: 'ABORT_ERR' })],
      ['a request that axios cancelled', named('CanceledError', { code: 'ERR_CANCELED' })],
      ['a cancellation in a cause', error({}, new CancelledError('x'))],
      ['a cancelled fetch', fetchFailed(new DOMException('x', 'AbortError'))],
      ['a wrong configuration', new ConfigError('x')],
      ['a runner that shuts down', new DrainingError('x')],
      ['an invalid input', new InvalidInputError('x')],
      ['an interceptor at fault', new InterceptorError('a', 'threw', { cause: error({ status: 503 }) })],
      ['a total timeout', new TimeoutError('x', { scope: 'tool:a', retryable: false })],
      ['one that says so', error({ retryable: false })],
      ['one that says so, against its status', error({ retryable: false, status: 503 })],
      [
        'a thrown object whose wrapper says so',
        new NonErrorThrownError('x', { cause: { status: 503 }, retryable: false }),
      ],
      ['a stage that failed on nothing', new StageFailedError('x')],
      ['a cancelled one among several', many(error({ status: 404 }), new CancelledError('x'))],
    ],
  ],
])('says "%s"', (kind, rows) => {
  it.each(rows)('%s', (_, what) => {
    expect(testimonyOf(what).kind).toBe(kind);
  });
});

it('the outermost error that says anything is believed', () => {
  expect(testimonyOf(error({ status: 503 }, error({ status: 404 }))).kind).toBe('passing');
  expect(testimonyOf(error({ status: 404 }, error({ status: 503 }))).kind).toBe('permanent');
});

it('says which names would lift it: both, where code and status are permanent', () => {
  expect(testimonyOf(error({ status: 401, code: 'invalid_api_key' }))).toMatchObject({
    names: ['invalid_api_key', 401],
  });
  expect(testimonyOf(error({ status: 429, code: 'insufficient_quota' }))).toMatchObject({
    names: ['insufficient_quota'],
  });
});

it('looks ten errors deep, and no further', () => {
  const deep = (levels: number): unknown => (levels === 0 ? error({ status: 404 }) : error({}, deep(levels - 1)));
  expect(testimonyOf(deep(9)).kind).toBe('permanent');
  expect(testimonyOf(deep(10)).kind).toBe('nothing');
});

it('does not look into several errors within several: its work is bounded', () => {
  const nest = (levels: number): unknown =>
    levels === 0 ? error({ status: 404 }) : many(...Array.from({ length: 20 }, () => nested[levels - 1]));
  const nested: unknown[] = [];
  for (let level = 0; level < 12; level++) nested.push(nest(level));
  expect(testimonyOf(nested[1]).kind).toBe('permanent');
  expect(testimonyOf(nested[11]).kind).toBe('nothing');
});
