import type { Call } from '@sluice/core';
import { describe, expectTypeOf, it } from 'vitest';
import type { Classifier, RetryOn } from './classifier.ts';
import type { Classified } from './classify.ts';
import { classify } from './classify.ts';
import { retryLater } from './retry-later.ts';
import { retryOn } from './retry-on.ts';

describe('the types of retryOn', () => {
  it('make classifiers, which are functions of an error', () => {
    const { any, all, not, status, code, errors, when, defaults } = retryOn;
    for (const on of [
      status(503),
      code('A'),
      errors(Error),
      when(() => true),
      any(defaults),
      all(defaults),
      not(defaults),
    ]) {
      expectTypeOf(on).toEqualTypeOf<Classifier>();
    }
    expectTypeOf(defaults(new Error('x'))).toEqualTypeOf<boolean>();
    expectTypeOf(defaults.names).parameter(0).toEqualTypeOf<string | number>();
  });

  it('take statuses, hundreds and ranges', () => {
    retryOn.status(429, '4xx', '5xx', '500-504');
    // @ts-expect-error: no such hundred
    retryOn.status('6xx');
    // @ts-expect-error: a number is none in letters
    retryOn.status('503');
  });

  it('take codes as text, and classes, abstract ones too', () => {
    abstract class Busy extends Error {
      constructor(since: number) {
        super(`busy since ${since}`);
      }
    }
    retryOn.errors(Busy, RangeError, class Odd {});
    // @ts-expect-error: no class
    retryOn.errors(() => true);
    // @ts-expect-error: a status is no code
    retryOn.code(503);
  });

  it('give a function the error, unknown, and the call, and take its answer at once', () => {
    retryOn.when((error, call) => {
      expectTypeOf(error).toEqualTypeOf<unknown>();
      expectTypeOf(call).toEqualTypeOf<Call>();
      return true;
    });
    retryOn.any((error, call) => error === call.input, retryOn.defaults);
    // @ts-expect-error: an answer that comes later
    retryOn.when(async () => true);
    // @ts-expect-error: no answer
    retryOn.when(() => {});
    // @ts-expect-error: a list is none of them
    retryOn.any([retryOn.defaults]);
  });

  it('cannot be written to', () => {
    // @ts-expect-error: read only
    retryOn.defaults = retryOn.status(503);
    expectTypeOf<Classifier>().toExtend<RetryOn>();
  });

  it('say why only where it is not repeated', () => {
    const classified = classify(new Error('x'), {} as Call, retryOn.defaults);
    expectTypeOf(classified).toEqualTypeOf<Classified>();
    // @ts-expect-error: what is repeated has no reason
    classified.because;
    if (!classified.again) expectTypeOf(classified.because).toEqualTypeOf<string>();
  });

  it('ask for another attempt after a time that has an end', () => {
    expectTypeOf(retryLater).returns.toEqualTypeOf<Error>();
    retryLater({ after: '2s', reason: 'not ready' });
    // @ts-expect-error: never is no time to wait
    retryLater({ after: 'none' });
    // @ts-expect-error: no option
    retryLater({ aftr: 5 });
  });
});
