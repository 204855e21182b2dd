import { describe, expect, it } from 'vitest';
import { ConfigError } from './errors/config-error.ts';
import { Problems } from './problems.ts';

describe('problems', () => {
  it('that are none throw nothing', () => {
    const problems = new Problems();
    problems.unknownKeys({ attempts: 1 }, ['attempts'], 'retry');
    expect(problems.count).toBe(0);
    expect(() => problems.throwIfAny()).not.toThrow();
  });

  it('are thrown all at once, in the order in which they were noted', () => {
    const problems = new Problems();
    problems.add('retry.attempts', 'an integer ≥ 1', 'three');
    problems.unknownKeys({ bakoff: 1, zzz: 2, ['__proto__x']: 3 }, ['attempts', 'backoff'], 'retry');
    problems.say('retry', 'is of no use here');
    problems.unknownKeys({ atempts: 1 }, ['attempts'], '');
    let thrown: unknown;
    try {
      problems.throwIfAny();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ConfigError);
    const { issues, message, details } = thrown as ConfigError;
    expect(issues).toEqual([
      {
        path: 'retry.attempts',
        expected: 'an integer ≥ 1',
        value: 'three',
        message: 'retry.attempts: expected an integer ≥ 1, got "three"',
      },
      { path: 'retry.bakoff', message: 'retry.bakoff: unknown option; did you mean "backoff"?' },
      { path: 'retry.zzz', message: 'retry.zzz: unknown option; known: attempts, backoff' },
      { path: 'retry.__proto__x', message: 'retry.__proto__x: unknown option; known: attempts, backoff' },
      { path: 'retry', message: 'retry: is of no use here' },
      { path: 'atempts', message: 'atempts: unknown option; did you mean "attempts"?' },
    ]);
    expect(message).toBe(issues.map((issue) => issue.message).join('\n'));
    expect(details).toEqual({ issues });
    expect(problems.count).toBe(6);
  });

  it('hint at the name that was meant; at none where none is near', () => {
    const problems = new Problems();
    expect(problems.hint('atempts', ['attempts', 'backoff'])).toBe('; did you mean "attempts"?');
    expect(problems.hint('weather', ['attempts', 'backoff'])).toBe('');
    expect(problems.hint('atempts', [])).toBe('');
  });

  it('hint twenty times, found or not, and do not look at what is known after that', () => {
    let looked = 0;
    const known: Iterable<string> = {
      *[Symbol.iterator]() {
        looked++;
        yield 'attempts';
      },
    };
    const problems = new Problems();
    const hints = Array.from({ length: 1_000 }, (_, index) =>
      problems.hint(index % 2 === 0 ? 'atempts' : 'weather', known),
    );
    expect(looked).toBe(20);
    expect(hints.map((hint) => hint !== '')).toEqual(
      Array.from({ length: 1_000 }, (_, index) => index < 20 && index % 2 === 0),
    );
    expect(new Problems().hint('atempts', known)).toBe('; did you mean "attempts"?');
  });

  it('about more than twenty unknown keys name what is known instead', () => {
    const problems = new Problems();
    for (let index = 0; index < 21; index++)
      problems.unknownKeys({ [`atempts${index % 10}`]: 1 }, ['attempts'], 'retry');
    let thrown: unknown;
    try {
      problems.throwIfAny();
    } catch (error) {
      thrown = error;
    }
    const said = (thrown as ConfigError).issues.map(({ message }) => message);
    expect(said[19]).toBe('retry.atempts9: unknown option; did you mean "attempts"?');
    expect(said[20]).toBe('retry.atempts0: unknown option; known: attempts');
  });

  it('join those of another error, behind those that are there, however many they are', () => {
    const inner = new Problems();
    for (let index = 0; index < 150_000; index++) inner.say(`p${index}`, 'is wrong');
    const outer = new Problems();
    outer.add('first', 'a name', 5);
    try {
      inner.throwIfAny();
    } catch (error) {
      outer.join(error as ConfigError);
    }
    outer.say('last', 'is wrong');
    expect(outer.count).toBe(150_002);
    let thrown: unknown;
    try {
      outer.throwIfAny();
    } catch (error) {
      thrown = error;
    }
    const { issues } = thrown as ConfigError;
    expect([issues[0]?.path, issues[1]?.path, issues.at(-1)?.path]).toEqual(['first', 'p0', 'last']);
    expect(issues[0]).toMatchObject({ expected: 'a name', value: 5 });
  });
});

it('an option that is called otherwise elsewhere is told by its name here', () => {
  const problems = new Problems();
  problems.unknownKeys({ retries: 3, toString: 1 }, ['attempts'], 'retry', { retries: '"attempts"' });
  expect(() => problems.throwIfAny()).toThrow(
    /retry\.retries: unknown option; it is "attempts" here[\s\S]*retry\.toString: unknown option; known: attempts/,
  );
});
