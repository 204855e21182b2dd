import { expect, it } from 'vitest';
import { Decisions } from './decisions.ts';

it('what is set off by a decision waits until it is taken; otherwise it is done at once', () => {
  const decisions = new Decisions();
  const done: string[] = [];
  decisions.after(() => done.push('at once'));
  decisions.during(() => {
    decisions.after(() => done.push('after'));
    decisions.during(() => decisions.after(() => done.push('after, from within')));
    done.push('decided');
  });
  expect(done).toEqual(['at once', 'decided', 'after', 'after, from within']);
});

it('what waits is done also when the decision threw, once the next one is taken', () => {
  const decisions = new Decisions();
  const done: string[] = [];
  const decide = (): void =>
    decisions.during(() => {
      decisions.after(() => done.push('waited'));
      throw new Error('boom');
    });
  expect(decide).toThrow('boom');
  decisions.during(() => {});
  expect(done).toEqual(['waited']);
});
