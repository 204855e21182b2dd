import { describe, expect, it } from 'vitest';
import { CancelledError } from './errors/cancelled-error.ts';
import { TimeoutError } from './errors/timeout-error.ts';
import { inWords } from './in-words.ts';

const trap = (): never => {
  throw new Error('trap');
};

describe('an error in words', () => {
  it.each<[string, unknown, string]>([
    ["is an error's message alone", new Error('outer', { cause: new Error('inner') }), 'outer'],
    ['has the cause of an error of Sluice', new CancelledError('stopped', { cause: new Error('why') }), 'stopped: why'],
    ['has a cause that is no error', new CancelledError('stopped', { cause: 'enough' }), 'stopped: "enough"'],
    ['says nothing twice', new CancelledError('stopped: why', { cause: new Error('why') }), 'stopped: why'],
    ['says nothing of a cause without words', new CancelledError('stopped', { cause: new Error() }), 'stopped'],
    ['is what was thrown, if that is no error', 'boom', '"boom"'],
  ])('%s', (_, error, words) => {
    expect(inWords(error)).toBe(words);
  });

  it('is had also of an error whose cause cannot be read', () => {
    const error = Object.defineProperty(new TimeoutError('late'), 'cause', { get: trap });
    expect(inWords(error)).toBe('late');
  });
});
