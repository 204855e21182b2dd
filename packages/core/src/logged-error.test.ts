import { describe, expect, it } from 'vitest';
import { InvalidOutputError } from './errors/invalid-output-error.ts';
import { TimeoutError } from './errors/timeout-error.ts';
import { loggedError } from './logged-error.ts';

const trap = (): never => {
  throw new Error('trap');
};

describe('an error for the log', () => {
  it('is its name, message, stack and code, and the stack does not say the message again', () => {
    const error = Object.assign(new RangeError('too far away'), { code: 'E_FAR', body: 'x' });
    const stack = error.stack?.replace('too far away', '(message)');
    expect(stack).toMatch(/^RangeError: \(message\)\n/);
    expect(loggedError(error)).toEqual({ name: 'RangeError', message: 'too far away', stack, code: 'E_FAR' });
    expect(loggedError(new Error('x'))).not.toHaveProperty('code');
  });

  it('has what an error of Sluice says for programs, and no data of the work', () => {
    const data = { input: 1, output: 2, partial: 3, partial_result: 4, value: 5 };
    const error = new TimeoutError('late', {
      scope: 'stage:s',
      retryAfterMs: 7,
      partial: 'achieved',
      details: { limitMs: 10, ...data },
    });
    const logged = loggedError(error);
    expect(logged).toMatchObject({ code: 'TIMEOUT', scope: 'stage:s', retryAfterMs: 7, details: { limitMs: 10 } });
    expect(logged['details']).toEqual({ limitMs: 10 });
    expect(logged).not.toHaveProperty('partial');
    expect(logged['remediation']).not.toBe('');
  });

  it('lists its causes, the nearest first, each without what led to it', () => {
    const deepest = new InvalidOutputError('deepest', { details: { output: 'x', issues: [] } });
    const error = new Error('outer', { cause: new TypeError('middle', { cause: deepest }) });
    const { causes = [] } = loggedError(error);
    expect(causes.map(({ name, message }) => `${name}: ${message}`)).toEqual([
      'TypeError: middle',
      'InvalidOutputError: deepest',
    ]);
    expect(causes[1]?.['details']).toEqual({ issues: [] });
    expect(causes.every((cause) => cause.causes === undefined)).toBe(true);
  });

  it('keeps the places in its stack, however short the message is', () => {
    const error = new Error('e');
    expect(loggedError(error)['stack']).toBe(error.stack?.replace('Error: e\n', 'Error: (message)\n'));
  });

  it('has what the errors of an AggregateError were, the first eight', () => {
    const many = Array.from({ length: 20 }, (_, at) => new Error(`reason ${at}`));
    const { errors } = loggedError(new AggregateError(many, 'all failed'));
    expect(errors).toMatchObject(many.slice(0, 8).map(({ message }) => ({ name: 'Error', message })));
    expect(errors).toHaveLength(8);
    expect(loggedError(new AggregateError(['text'], 'all failed'))['errors']).toEqual([
      { name: 'string', message: '"text"' },
    ]);
  });

  it('follows no AggregateError into itself', () => {
    const own = new AggregateError([], 'own');
    own.errors.push(own);
    expect(JSON.stringify(loggedError(own)).length).toBeLessThan(50_000);
  });

  it('follows neither a circle nor a chain without end', () => {
    const circle = new Error('a');
    circle.cause = new Error('b', { cause: circle });
    expect(loggedError(circle).causes?.map(({ message }) => message)).toEqual(['b']);
    let chain = new Error('0');
    for (let at = 1; at <= 100; at++) chain = new Error(String(at), { cause: chain });
    expect(loggedError(chain).causes?.map(({ message }) => message)).toEqual('99 98 97 96 95 94 93 92'.split(' '));
  });

  it('is had of whatever was thrown', () => {
    expect(loggedError('boom')).toEqual({ name: 'string', message: '"boom"' });
    expect(loggedError(undefined)).toEqual({ name: 'undefined', message: 'undefined' });
    expect(loggedError({ message: 'no' })).toEqual({ name: 'object', message: 'an object' });
    expect(loggedError(new Proxy(new Error('x'), { get: trap }))).toEqual({ name: 'object', message: 'a Proxy' });
    expect(loggedError(new Error('x', { cause: null })).causes).toEqual([{ name: 'object', message: 'null' }]);
  });

  it.each(['name', 'message', 'stack', 'code'])('is had of an error whose %s cannot be read', (key) => {
    const error = Object.defineProperty(new Error('x'), key, { get: trap });
    expect(loggedError(error)).toEqual({ name: 'Error', message: 'an error that cannot be read' });
  });

  it('is had of an error whose cause cannot be read', () => {
    const error = Object.defineProperty(new Error('x'), 'cause', { get: trap });
    expect(loggedError(error)).toMatchObject({ name: 'Error', message: 'x' });
  });
});
