import { describe, expect, it } from 'vitest';
import { classifier, isClassifier, judged } from './classifier.ts';

const trap = (): never => {
  throw new Error('trap');
};
const names = (): boolean => false;

describe('a classifier', () => {
  it('answers as a function whatever it says but no', () => {
    const answers = (['no', 'yes', 'said'] as const).map((answer) =>
      classifier(
        () => answer,
        names,
        () => answer,
      ),
    );
    expect(answers.map((on) => on(new Error('x')))).toEqual([false, true, true]);
    expect(answers.map((on) => judged(on, undefined, undefined, 'yes'))).toEqual(['no', 'yes', 'said']);
  });

  it('may be written by hand, and then speaks for its user; only true is yes', () => {
    const byHand = (answer: unknown): (() => boolean) & { names: () => boolean; describe: () => string } =>
      Object.assign(() => answer as boolean, { names, describe: () => 'by hand' });
    expect(judged(byHand(true), undefined, undefined, 'yes')).toBe('said');
    expect(judged(byHand(1), undefined, undefined, 'yes')).toBe('no');
    expect(isClassifier(byHand(true))).toBe(true);
  });

  it.each([
    ['a function', () => true],
    ['an object that only has its methods', { names, describe: () => 'x' }],
    ['a function with one of them', Object.assign(() => true, { names })],
    ['a function that cannot be read', new Proxy(trap, { get: trap })],
    ['nothing', undefined],
  ])('is not %s', (_, value) => {
    expect(isClassifier(value)).toBe(false);
  });
});
