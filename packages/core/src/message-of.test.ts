import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { TimeoutError } from './errors/timeout-error.ts';
import { messageOf } from './message-of.ts';

const trap = (): never => {
  throw new Error('trap');
};

describe('the message of what was thrown', () => {
  it.each<[string, unknown, string]>([
    ['an error', new Error('boom'), 'boom'],
    ['an error without one', new Error(), ''],
    ['an error of Sluice', new TimeoutError('late'), 'late'],
    ['an error of another realm', runInNewContext('new TypeError("far")'), 'far'],
    ['a text', 'boom', '"boom"'],
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['an object that looks like an error', { message: 'no' }, 'an object'],
    ['a Proxy', new Proxy(new Error('x'), { get: trap }), 'a Proxy'],
    ['an error whose message is none', Object.assign(new Error('x'), { message: 5 }), 'an Error'],
    [
      'an error whose message cannot be read',
      Object.defineProperty(new Error('x'), 'message', { get: trap }),
      'an Error',
    ],
  ])('of %s', (_, thrown, message) => {
    expect(messageOf(thrown)).toBe(message);
  });
});
