import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { CircuitOpenError, TimeoutError, toResponse } from '../index.ts';

const BRAND = Symbol.for('sluice.error');
const fail = (): never => {
  throw new Error('touched');
};
const LOOK = 'Look for this request in the log of the service.';

describe('the envelope', () => {
  it('is exactly that of a task API', () => {
    const error = new TimeoutError('Stage "fetch" exceeded its total timeout of 60000 ms', {
      scope: 'stage:fetch',
      details: { timeout_seconds: 60 },
      partial: { items_processed: 50 },
      remediation: 'Raise timeout.total for "fetch" or split its work.',
      cause: new Error('not for clients'),
    });
    const timestamp = '2026-01-01T00:00:00.000Z';
    const metadata = { requestId: 'r1', timestamp, durationMs: 60_005.2, apiVersion: 'v2' };
    expect(toResponse(error, metadata)).toStrictEqual({
      status: 'error',
      error: {
        code: 'TIMEOUT',
        message: 'Stage "fetch" exceeded its total timeout of 60000 ms',
        details: { timeout_seconds: 60, scope: 'stage:fetch', partial_result: { items_processed: 50 } },
        remediation: 'Raise timeout.total for "fetch" or split its work.',
      },
      metadata: { request_id: 'r1', timestamp, duration_ms: 60_005.2, api_version: 'v2' },
    });
  });

  it('says only what is known, and when', () => {
    const { metadata, error } = toResponse(new CircuitOpenError('open', { retryAfterMs: 5 }));
    expect(metadata).toStrictEqual({ timestamp: new Date(metadata.timestamp).toISOString(), api_version: 'v1' });
    expect(error.details).toStrictEqual({ retry_after_ms: 5 });
  });

  it('of an error that is not of Sluice shows its message and nothing else', () => {
    const error = Object.assign(new TypeError('bad', { cause: 'secret' }), { secret: 1 });
    expect(toResponse(error).error).toStrictEqual({ code: 'INTERNAL', message: 'bad', details: {}, remediation: LOOK });
    expect(toResponse(runInNewContext('new Error("elsewhere")')).error.message).toBe('elsewhere');
  });

  it('of an error of another copy of the package says what that copy knew', () => {
    expect(
      toResponse({ [BRAND]: true, code: 'TIMEOUT', message: 'slow', scope: 'run', details: { a: 1n } }).error,
    ).toStrictEqual({
      code: 'TIMEOUT',
      message: 'slow',
      details: { a: '1n', scope: 'run' },
      remediation: 'Raise the limit that was exceeded, or split the work into smaller parts.',
    });
    expect(toResponse({ [BRAND]: true, code: 'NEW', message: 'm' }).error).toMatchObject({
      code: 'NEW',
      remediation: LOOK,
    });
  });

  it('is safe to serialise, whatever the error holds', () => {
    const loop: Record<string, unknown> = { big: 1n, toJSON: fail };
    loop['self'] = loop;
    const error = new TimeoutError('x', { details: loop, partial: new Proxy({}, { get: fail, ownKeys: fail }) });
    expect(JSON.parse(JSON.stringify(toResponse(error))).error.details).toEqual({
      big: '1n',
      toJSON: '[function]',
      self: '[circular]',
      partial_result: '[Proxy]',
    });
    const odd = new TimeoutError('x', { details: new Proxy({}, { ownKeys: fail, get: fail }) });
    expect(toResponse(odd).error.details).toEqual({});
  });

  it.each<[string, unknown, string, string]>([
    ['a text', 'boom', 'INTERNAL', '"boom"'],
    ['nothing', undefined, 'INTERNAL', 'undefined'],
    ['a frozen error', Object.freeze(new TimeoutError('slow')), 'TIMEOUT', 'slow'],
    [
      'a Proxy that throws',
      new Proxy(new TimeoutError('x'), { get: fail, getPrototypeOf: fail }),
      'INTERNAL',
      'a Proxy',
    ],
    ['a message that throws', Object.defineProperty(new Error(), 'message', { get: fail }), 'INTERNAL', 'an Error'],
    ['a message that is none', Object.defineProperty(new Error(), 'message', { value: 5 }), 'INTERNAL', 'an Error'],
    [
      'a brand that cannot be read',
      {
        [BRAND]: true,
        get code() {
          return fail();
        },
        message: 'm',
      },
      'INTERNAL',
      'm',
    ],
    ['a brand with nothing at all', { [BRAND]: true, code: 'TIMEOUT' }, 'TIMEOUT', 'an object'],
  ])('of %s never throws, and has a remediation', (_, error, code, message) => {
    const body = toResponse(error).error;
    expect([body.code, body.message]).toEqual([code, message]);
    expect(body.remediation).not.toBe('');
  });
});
