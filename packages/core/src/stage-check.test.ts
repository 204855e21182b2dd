import { describe, expect, it } from 'vitest';
import type { ConfigError } from './errors/config-error.ts';
import { RESERVED } from './policies.ts';
import { Problems } from './problems.ts';
import { checkStageName, listed, PLACING_OPTIONS, readStageOptions, readWaits, STAGE_OPTIONS } from './stage-check.ts';

/** What was answered, and all that was said to be wrong. */
function told<T>(check: (problems: Problems) => T): { readonly answer: T; readonly said: readonly string[] } {
  const problems = new Problems();
  const answer = check(problems);
  try {
    problems.throwIfAny();
  } catch (error) {
    return { answer, said: (error as ConfigError).issues.map(({ message }) => message) };
  }
  return { answer, said: [] };
}

describe('the name of a stage', () => {
  const check = (name: unknown) => told((problems) => checkStageName(name, new Set(['taken']), 'here', problems));

  it.each(['a', 'Input', 'inputs', 'then ', 'constructor', 'prototype', '?', '\u200b', 'taken '])(
    'may be %j',
    (name) => {
      expect(check(name)).toEqual({ answer: true, said: [] });
    },
  );

  it.each<[unknown, string]>([
    ['', 'here: name: expected a name, got ""'],
    ['\u00a0\u3000\ufeff', 'here: name: expected a name, got '],
    [null, 'here: name: expected a name, got null'],
    [['a'], 'here: name: expected a name, got an array of 1'],
    [Object('a'), 'here: name: expected a name, got an object'],
    ['taken', 'here: there is a stage of that name already; choose another'],
    ['input', 'here: the name "input" is what every stage is given as the input of the run; choose another'],
    ['then', 'here: the name "then" would make a promise of the outputs; choose another'],
    ['__proto__', 'here: the name "__proto__" means something else to JavaScript; choose another'],
  ])('cannot be %j', (name, message) => {
    const { answer, said } = check(name);
    expect([answer, said.length]).toEqual([false, 1]);
    expect(said[0]).toContain(message);
  });
});

describe('the options of a stage', () => {
  const check = (options: unknown, placing = PLACING_OPTIONS) =>
    told((problems) => readStageOptions(options, 'here', placing, problems));

  it.each([
    [{}],
    [{ kind: 'guard', collect: 'last', idempotent: false, needs: 5, optional: 5, when: () => true }],
    [{ kind: undefined, collect: undefined, idempotent: undefined, when: undefined }],
    [{ timeout: '1s', anyPolicy: Symbol('x'), constructor: 1, toString: 2 }],
    [Object.create(null)],
  ])('may be %o', (options) => {
    const { answer, said } = check(options);
    expect(said).toEqual([]);
    expect(answer).toEqual({ ...options });
    expect(answer).not.toBe(options);
  });

  it('are of core under just these names, and every other name of core is refused', () => {
    const own = new Set([...STAGE_OPTIONS, ...PLACING_OPTIONS]);
    for (const key of RESERVED) {
      const instead = key === 'deadline' ? '; it bounds a run, and "timeout" bounds a stage' : '';
      const said = own.has(key) ? [] : [`here: ${key}: is no option of a stage${instead}`];
      expect(check({ [key]: undefined }).said).toEqual(said);
    }
    for (const key of PLACING_OPTIONS) {
      expect(check({ [key]: undefined }, []).said).toEqual([`here: ${key}: is no option of a stage`]);
    }
  });

  it.each([[null], [undefined], [5], ['x'], [[]], [() => {}], [Symbol('s')], [1n]])('cannot be %o', (options) => {
    const { answer, said } = check(options);
    expect(answer).toEqual({});
    expect(said).toEqual([
      expect.stringMatching(/^here: options: expected an array of names, or a plain object, got /),
    ]);
    expect(check(options, []).said).toEqual([expect.stringMatching(/^here: options: expected a plain object, got /)]);
  });
});

describe('what a stage waits for', () => {
  const known = new Set(['fetch', 'parse', 'mail']);
  const read = (given: object, name = 'me') => told((problems) => readWaits(name, given, known, 'here', problems));

  it('is read in the order given, into lists of its own', () => {
    const given = { needs: ['parse', 'fetch'], optional: ['mail'] };
    const { answer, said } = read(given);
    expect([answer, said]).toEqual([given, []]);
    expect(answer.needs).not.toBe(given.needs);
    expect(read({ needs: undefined })).toEqual({ answer: { needs: [], optional: [] }, said: [] });
  });

  it('holds what was right about it beside what was wrong', () => {
    const { answer, said } = read({ needs: ['fetch', 'me', 5, 'fetch', 'prase'], optional: ['mail', 'fetch', null] });
    expect(answer).toEqual({ needs: ['fetch'], optional: ['mail'] });
    expect(said).toEqual([
      'here: needs[1]: "me" is the stage itself; a stage cannot wait for itself',
      'here: needs[2]: expected the name of a stage, got 5',
      'here: needs[3]: "fetch" is named twice',
      'here: needs[4]: there is no stage "prase" to wait for; did you mean "parse"?',
      'here: optional[1]: "fetch" is named twice',
      'here: optional[2]: expected the name of a stage, got null',
    ]);
  });

  it('is told with a hint at what was meant twenty times, and after that with what there is', () => {
    const needs = Array.from({ length: 25 }, (_, index) => `parse${index}`);
    const { said } = read({ needs });
    expect(said.map((one) => one.endsWith('did you mean "parse"?'))).toEqual(needs.map((_, index) => index < 20));
    expect(said[24]).toMatch(/; there are "fetch", "parse", "mail"$/);
  });

  it('is known to be wrong although every object has such a property', () => {
    const { said } = read({ needs: ['constructor', '__proto__', 'toString'] });
    expect(said).toHaveLength(3);
    for (const one of said) expect(one).toContain('to wait for; there are "fetch", "parse", "mail"');
  });

  it('is told with no more than ten of those that there are', () => {
    const many = new Set(Array.from({ length: 50 }, (_, index) => `stage number ${index}`));
    const { said } = told((problems) => readWaits('me', { needs: ['x'] }, many, 'here', problems));
    expect(said[0]?.match(/"stage number \d+"/g)).toHaveLength(10);
    expect(said[0]).toMatch(/"stage number 9" and others$/);
  });

  it.each<[readonly string[], string]>([
    [[], '; there is none at all'],
    [['a'], '; there are "a"'],
    [[...'abcdefghij'], '; there are "a", "b", "c", "d", "e", "f", "g", "h", "i", "j"'],
    [[...'abcdefghijk'], '; there are "a", "b", "c", "d", "e", "f", "g", "h", "i", "j" and others'],
    [['"\n'], '; there are "\\"\\n"'],
    [['n'.repeat(1_000)], `; there are "${'n'.repeat(57)}..."`],
  ])('is listed, where there is %j, so that it can be read', (known, said) => {
    expect(listed(known)).toBe(said);
  });

  it('is named with a hole in it, which is a need that is missing', () => {
    const { said } = read({ needs: new Array(2) });
    expect(said).toEqual([
      'here: needs[0]: expected the name of a stage, got undefined',
      'here: needs[1]: expected the name of a stage, got undefined',
    ]);
  });
});
