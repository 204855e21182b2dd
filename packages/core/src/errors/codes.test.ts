import { describe, expect, it } from 'vitest';
import {
  CancelledError,
  CircuitOpenError,
  ConfigError,
  DataConflictError,
  DrainingError,
  type ErrorCode,
  HeartbeatLostError,
  httpStatus,
  IdempotencyMismatchError,
  InterceptorError,
  InvalidInputError,
  InvalidOutputError,
  isSluiceError,
  MaxDepthError,
  NonErrorThrownError,
  QueueFullError,
  QueueTimeoutError,
  RateLimitedError,
  RetryExhaustedError,
  SkippedError,
  SluiceError,
  StageFailedError,
  TimeoutError,
  toResponse,
  UnknownToolError,
} from '../index.ts';
import { CODES } from './codes.ts';

type Row = readonly [
  code: ErrorCode,
  name: string,
  error: SluiceError,
  verdict: string,
  retryable: boolean,
  http: number,
];

const ROWS: readonly Row[] = [
  ['TIMEOUT', 'TimeoutError', new TimeoutError('m'), 'timeout', true, 504],
  ['HEARTBEAT_LOST', 'HeartbeatLostError', new HeartbeatLostError('m'), 'timeout', true, 504],
  ['CANCELLED', 'CancelledError', new CancelledError('m'), 'cancelled', false, 499],
  ['SKIPPED', 'SkippedError', new SkippedError('m'), 'skipped', false, 409],
  ['QUEUE_FULL', 'QueueFullError', new QueueFullError('m'), 'failed', false, 429],
  ['QUEUE_TIMEOUT', 'QueueTimeoutError', new QueueTimeoutError('m'), 'failed', false, 503],
  ['RATE_LIMITED', 'RateLimitedError', new RateLimitedError('m'), 'failed', false, 429],
  ['CIRCUIT_OPEN', 'CircuitOpenError', new CircuitOpenError('m'), 'failed', false, 503],
  ['RETRY_EXHAUSTED', 'RetryExhaustedError', new RetryExhaustedError('m'), 'failed', false, 500],
  ['STAGE_FAILED', 'StageFailedError', new StageFailedError('m'), 'failed', false, 500],
  ['INVALID_INPUT', 'InvalidInputError', new InvalidInputError('m'), 'failed', false, 400],
  ['INVALID_OUTPUT', 'InvalidOutputError', new InvalidOutputError('m'), 'failed', false, 500],
  ['UNKNOWN_TOOL', 'UnknownToolError', new UnknownToolError('m'), 'failed', false, 400],
  ['MAX_DEPTH', 'MaxDepthError', new MaxDepthError('m'), 'failed', false, 500],
  ['DATA_CONFLICT', 'DataConflictError', new DataConflictError('m'), 'failed', false, 409],
  ['IDEMPOTENCY_MISMATCH', 'IdempotencyMismatchError', new IdempotencyMismatchError('m'), 'failed', false, 409],
  ['DRAINING', 'DrainingError', new DrainingError('m'), 'failed', false, 503],
  ['CONFIG', 'ConfigError', new ConfigError('m'), 'failed', false, 500],
  ['INTERCEPTOR', 'InterceptorError', new InterceptorError('m', 'threw'), 'failed', false, 500],
  ['NON_ERROR', 'NonErrorThrownError', new NonErrorThrownError('m'), 'failed', true, 500],
];

/** What this process refuses before any work is started. */
const LOCAL: readonly ErrorCode[] = ['QUEUE_FULL', 'QUEUE_TIMEOUT', 'RATE_LIMITED', 'CIRCUIT_OPEN', 'DRAINING'];
/** What is thrown too often, or by a timer, or sums up what has a stack, for one to be worth its price. */
const WITHOUT_STACK: readonly ErrorCode[] = [
  ...LOCAL,
  'TIMEOUT',
  'HEARTBEAT_LOST',
  'CANCELLED',
  'SKIPPED',
  'RETRY_EXHAUSTED',
];

describe.each(ROWS)('%s', (code, name, error, verdict, retryable, http) => {
  it(`is a ${name}: ${verdict}, ${retryable ? '' : 'not '}retryable, HTTP ${http}`, () => {
    expect(error).toBeInstanceOf(SluiceError);
    expect(error).toBeInstanceOf(Error);
    expect(error.constructor.name).toBe(name);
    expect([error.code, error.name, error.verdict, error.retryable]).toEqual([code, name, verdict, retryable]);
    expect(httpStatus(error)).toBe(http);
    expect(isSluiceError(error, code)).toBe(true);
    expect(error.message).toContain('m');
  });

  it('says what a person can do about it', () => {
    for (const { remediation } of [error, toResponse(error).error]) expect(remediation).toMatch(/^[A-Z].{10,}\.$/);
  });

  it(`is ${LOCAL.includes(code) ? '' : 'not '}a local rejection, and ${WITHOUT_STACK.includes(code) ? 'captures no' : 'has a'} stack`, () => {
    expect(CODES[code].local).toBe(LOCAL.includes(code));
    const first = `${name}: ${error.message}`;
    if (WITHOUT_STACK.includes(code)) expect(error.stack).toBe(first);
    else expect(error.stack).toMatch(new RegExp(`^${first}\n +at .*codes\\.test\\.ts`));
  });

  it('is told as JSON without a stack, and as the envelope of a task API', () => {
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ name, code, verdict, retryable });
    expect(JSON.stringify(error)).not.toContain('codes.test.ts');
    expect(toResponse(error).error.code).toBe(code);
  });
});

it('the table has every code, and each error of the family is in it', () => {
  expect(ROWS.map(([code]) => code).sort()).toEqual(Object.keys(CODES).sort());
});

it('an error that captures no stack leaves the stacks of others alone', () => {
  const frames = Error.stackTraceLimit;
  new TimeoutError('x');
  expect(Error.stackTraceLimit).toBe(frames);
  expect(new Error('y').stack).toContain('codes.test.ts');
});
