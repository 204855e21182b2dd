import { ConfigError, NonErrorThrownError, StageFailedError } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import type { Classifier } from './classifier.ts';
import { retryOn } from './retry-on.ts';

const { all, any, code, defaults, errors, not, status, when } = retryOn;
const error = (marks: object = {}, cause?: unknown): Error => Object.assign(new Error('x', { cause }), marks);
const yes = when(() => true);
const no = when(() => false);
const untouched = when(() => {
  throw new Error('asked');
});

describe('status', () => {
  it.each<[Classifier, readonly number[], readonly number[]]>([
    [status(429, 503), [429, 503], [428, 500, 504]],
    [status('5xx'), [500, 501, 599], [499, 429]],
    [status('4xx', 503), [400, 404, 499, 503], [500]],
    [status('502-504'), [502, 503, 504], [501, 505]],
    [status('500-500'), [500], [501]],
  ])('%#: matches and names what is listed, both ends of a range included', (on, listed, others) => {
    for (const found of listed)
      expect([found, on(error({ status: found })), on.names(found)]).toEqual([found, true, true]);
    for (const found of others)
      expect([found, on(error({ status: found })), on.names(found)]).toEqual([found, false, false]);
  });

  it('finds it in a cause, in what was thrown, and in what a service answered', () => {
    const found = { statusCode: 503 };
    for (const what of [
      error({}, found),
      new NonErrorThrownError('x', { cause: found }),
      new StageFailedError('x', { cause: error(found) }),
      error({ response: { status: 503 } }),
      error({ error: { code: 503 } }),
    ]) {
      expect(status(503)(what)).toBe(true);
    }
    expect(status(503)(error())).toBe(false);
  });
});

describe('code', () => {
  it('finds it wherever errors carry it, and names it', () => {
    const on = code('SQLITE_BUSY', 'overloaded_error');
    for (const what of [
      { code: 'SQLITE_BUSY' },
      { type: 'overloaded_error' },
      { error: { error: { type: 'overloaded_error' } } },
      { code: 'OTHER', cause: { code: 'SQLITE_BUSY' } },
    ]) {
      expect(on(error(what))).toBe(true);
    }
    expect([on(error({ code: 'OTHER' })), on.names('SQLITE_BUSY'), on.names('OTHER')]).toEqual([false, true, false]);
  });

  it('holds for several errors in one when it holds for each of them', () => {
    const busy = error({ code: 'BUSY' });
    expect(code('BUSY')(new AggregateError([busy, error({}, busy)]))).toBe(true);
    expect(code('BUSY')(new AggregateError([busy, error()]))).toBe(false);
  });
});

describe('errors', () => {
  class Busy extends Error {}
  class VeryBusy extends Busy {}

  it('finds errors of a class, of those made of it, and in causes', () => {
    const on = errors(Busy, RangeError);
    expect([new Busy(), new VeryBusy(), new RangeError(), error({}, new Busy())].map((what) => on(what))).not.toContain(
      false,
    );
    expect([error(), undefined, 'Busy', new TypeError()].map((what) => on(what))).not.toContain(true);
  });

  it('does not trip over a class that throws when it is asked', () => {
    class Trap extends Error {}
    Object.defineProperty(Trap, Symbol.hasInstance, {
      value: () => {
        throw new Error('trap');
      },
    });
    expect(errors(Trap)(error())).toBe(false);
  });
});

describe('composed', () => {
  it('any says so if one does, all if each does, not if it does not', () => {
    expect(
      [any(no, yes), any(no, no), all(yes, yes), all(yes, no), not(no), not(yes)].map((on) => on(error())),
    ).toEqual([true, false, true, false, true, false]);
  });

  it('they are asked in order, and no more than needed', () => {
    expect(any(no, yes, untouched)(error())).toBe(true);
    expect(any(status(503), untouched)(error({ status: 503 }))).toBe(true);
    expect(all(yes, no, untouched)(error())).toBe(false);
  });

  it('plain functions are taken for classifiers', () => {
    expect(any((what) => what === 1, status(503))(1)).toBe(true);
    expect(not(() => true)(1)).toBe(false);
  });

  it('any and all name what one of them names; not names nothing; functions and the defaults neither', () => {
    const named = code('BUSY');
    expect([any(no, named), all(no, named), not(not(named))].map((on) => on.names('BUSY'))).toEqual([true, true, true]);
    expect([not(named), any(not(named), yes), yes, defaults].map((on) => on.names('BUSY'))).not.toContain(true);
  });

  it('says in words what it is', () => {
    const isBusy = (): boolean => true;
    class Busy extends Error {}
    const on = any(defaults, all(status(409, '5xx'), not(code('A', 'B'))), errors(Busy), isBusy);
    expect(on.describe()).toBe(
      'any of (the defaults; all of (status 409, 5xx; not (code A, B)); errors Busy; when isBusy)',
    );
    expect(when(() => true).describe()).toBe('when a function');
  });

  it('cannot be changed afterwards', () => {
    const list: Classifier[] = [no, no];
    const on = any(...list);
    list[0] = yes;
    expect(on(error())).toBe(false);
    expect([Object.isFrozen(on), Object.isFrozen(retryOn)]).toEqual([true, true]);
  });
});

describe('a wrong argument is a ConfigError that names its place', () => {
  it.each<[string, () => unknown]>([
    ['retryOn.status', () => status()],
    ['retryOn.code', () => code()],
    ['retryOn.errors', () => errors()],
    ['retryOn.any', () => any()],
    ['retryOn.all', () => all()],
    ['retryOn.status[1]', () => status(503, 99)],
    ['retryOn.status[0]', () => status(Number.NaN)],
    ['retryOn.status[0]', () => status(503.5)],
    ['retryOn.status[0]', () => status(200)],
    ['retryOn.status[0]', () => status('504-500')],
    ['retryOn.status[0]', () => status('500-6000')],
    ['retryOn.status[0]', () => status('6xx' as never)],
    ['retryOn.status[0]', () => status(Symbol('x') as never)],
    ['retryOn.code[0]', () => code('')],
    ['retryOn.code[1]', () => code('A', 503 as never)],
    ['retryOn.code[0]', () => code('CANCELLED')],
    ['retryOn.code[0]', () => code('INVALID_INPUT')],
    ['retryOn.errors[0]', () => errors((() => {}) as never)],
    ['retryOn.errors[0]', () => errors('Error' as never)],
    ['retryOn.errors[0]', () => errors(ConfigError)],
    ['retryOn.when', () => when('x' as never)],
    ['retryOn.when', () => when((async () => true) as never)],
    ['retryOn.any[1]', () => any(yes, 503 as never)],
    ['retryOn.not[0]', () => not(undefined as never)],
  ])('%s (%#)', (path, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'CONFIG', issues: [expect.objectContaining({ path })] }));
  });
});
