import { describe, expect, it } from 'vitest';
import { ConfigError } from './errors/config-error.ts';
import { checkInterceptor, defineInterceptor, type Interceptor, type Next } from './interceptor.ts';
import { Problems } from './problems.ts';

const intercept: Interceptor['intercept'] = (call, next: Next) => next(call);
const good: Interceptor = {
  name: 'audit',
  priority: -0.5,
  intercept,
  policy: { key: 'audit', parse: (value) => ({ value }) },
  traits: { role: 'other' },
  applies: () => true,
  stats: () => 1,
  update: () => {},
};

describe('an interceptor', () => {
  it('that keeps the shape is given back as it is', () => {
    expect(defineInterceptor(good)).toBe(good);
    const least = { name: 'least', priority: 0, intercept };
    expect(defineInterceptor(least)).toBe(least);
    for (const applies of ['stage', 'tool', 'function'] as const) {
      expect(defineInterceptor({ ...least, applies, traits: () => ({ role: 'other' }) }).applies).toBe(applies);
    }
  });

  it.each<[string, unknown, string]>([
    ['name', '', 'interceptor.name: expected a name, got ""'],
    ['name', undefined, 'interceptor.name: expected a name, got undefined'],
    ['priority', '50', 'interceptor.priority: expected a finite number, such as Place.retry, got "50"'],
    ['priority', Number.NaN, 'interceptor.priority: expected a finite number, such as Place.retry, got NaN'],
    [
      'priority',
      Number.POSITIVE_INFINITY,
      'interceptor.priority: expected a finite number, such as Place.retry, got Infinity',
    ],
    ['intercept', {}, 'interceptor.intercept: expected a function (call, next) => Observable, got an object'],
    [
      'applies',
      'tools',
      `interceptor.applies: expected 'stage', 'tool', 'function' or a function (call) => boolean, got "tools"`,
    ],
    ['policy', 'retry', 'interceptor.policy: expected a claim { key, parse }, got "retry"'],
    ['policy', { key: '', parse: intercept }, 'interceptor.policy.key: expected a name, got ""'],
    [
      'policy',
      { key: 'retry' },
      'interceptor.policy.parse: expected a function (value, path) => fields, got undefined',
    ],
    ['traits', 'retry', 'interceptor.traits: expected traits, or a function (options) => traits, got "retry"'],
    ['traits', null, 'interceptor.traits: expected traits, or a function (options) => traits, got null'],
    ['stats', {}, 'interceptor.stats: expected a function, got an object'],
    ['update', true, 'interceptor.update: expected a function, got true'],
    ['prioirty', 5, 'interceptor.prioirty: unknown option; did you mean "priority"?'],
  ])('whose %s is %j is refused', (key, value, message) => {
    const define = (): unknown => defineInterceptor({ ...good, [key]: value });
    expect(define).toThrow(message);
    expect(define).toThrow(ConfigError);
  });

  it('is refused with all that is wrong at once', () => {
    expect(() => defineInterceptor({} as never)).toThrow(/name: .*\n.*priority: .*\n.*intercept: /);
  });

  it.each([null, undefined, 5, 'audit', intercept])('is not %s', (value) => {
    const problems = new Problems();
    expect(checkInterceptor(value, 'use[0]', problems)).toBe(false);
    expect(() => problems.throwIfAny()).toThrow('use[0]: expected an interceptor, got ');
  });

  it('is checked by itself, whatever was wrong before', () => {
    const problems = new Problems();
    problems.say('use', 'is odd');
    expect(checkInterceptor(good, 'use[0]', problems)).toBe(true);
    expect(problems.count).toBe(1);
  });
});
