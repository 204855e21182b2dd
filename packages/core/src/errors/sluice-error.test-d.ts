import { describe, expectTypeOf, it } from 'vitest';
import {
  type CancelledError,
  type CircuitOpenError,
  type ConfigError,
  type DataConflictError,
  type DrainingError,
  type ErrorCode,
  type HeartbeatLostError,
  type IdempotencyMismatchError,
  type InterceptorError,
  type InvalidInputError,
  type InvalidOutputError,
  isSluiceError,
  type MaxDepthError,
  type NonErrorThrownError,
  type QueueFullError,
  type QueueTimeoutError,
  type RateLimitedError,
  type RetryExhaustedError,
  type SkippedError,
  type SluiceError,
  type StageFailedError,
  TimeoutError,
  type UnknownToolError,
  type Verdict,
} from '../index.ts';

type Known =
  | CancelledError
  | CircuitOpenError
  | ConfigError
  | DataConflictError
  | DrainingError
  | HeartbeatLostError
  | IdempotencyMismatchError
  | InterceptorError
  | InvalidInputError
  | InvalidOutputError
  | MaxDepthError
  | NonErrorThrownError
  | QueueFullError
  | QueueTimeoutError
  | RateLimitedError
  | RetryExhaustedError
  | SkippedError
  | StageFailedError
  | TimeoutError
  | UnknownToolError;

it('each error has its code as a literal, and together they have all', () => {
  expectTypeOf<TimeoutError['code']>().toEqualTypeOf<'TIMEOUT'>();
  expectTypeOf<ConfigError['code']>().toEqualTypeOf<'CONFIG'>();
  expectTypeOf<Known['code']>().toEqualTypeOf<ErrorCode>();
  expectTypeOf<Known>().toExtend<SluiceError>();
});

it('a union of errors is told apart by its codes', () => {
  const told = (error: TimeoutError | ConfigError): void => {
    if (error.code === 'CONFIG') expectTypeOf(error).toEqualTypeOf<ConfigError>();
    else expectTypeOf(error).toEqualTypeOf<TimeoutError>();
    // @ts-expect-error no such code
    if (error.code === 'TIMEOUTT') expectTypeOf(error).toBeNever();
  };
  expectTypeOf(told).toBeFunction();
});

describe('isSluiceError', () => {
  const unknown: unknown = undefined;

  it('tells what an unknown value is', () => {
    if (isSluiceError(unknown)) {
      expectTypeOf(unknown).toExtend<SluiceError>();
      expectTypeOf(unknown.code).toEqualTypeOf<ErrorCode>();
      expectTypeOf(unknown.verdict).toEqualTypeOf<Verdict>();
      expectTypeOf(unknown.retryAfterMs).toEqualTypeOf<number | undefined>();
    }
  });

  it('tells its code as well, where one is asked for', () => {
    if (isSluiceError(unknown, 'CIRCUIT_OPEN')) expectTypeOf(unknown.code).toEqualTypeOf<'CIRCUIT_OPEN'>();
    // @ts-expect-error no such code
    isSluiceError(unknown, 'CIRCUIT_OPNE');
    // @ts-expect-error filter() passes an index, which is no code
    [unknown].filter(isSluiceError);
  });
});

it('errors are made of what they take, and cannot be changed', () => {
  const error = new TimeoutError('x', { retryAfterMs: undefined, scope: 'run' });
  // @ts-expect-error read only
  error.code = 'TIMEOUT';
  // @ts-expect-error no such field
  new TimeoutError('x', { retriable: true });
});
