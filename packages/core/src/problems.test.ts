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
});
