import { describe, expect, it } from 'vitest';
import { ConfigError } from './errors/config-error.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { type PolicyClaim, type PolicySubject, resolvePolicy, writtenPolicies } from './policies.ts';
import { createRunner } from './runner.ts';
import { stack } from './stack.ts';
import { tool } from './tool.ts';

/** `'1s'` is short for `{ total: '1s' }`; anything but that or an object is refused. */
const parse: PolicyClaim['parse'] = (value, path) => {
  if (typeof value === 'string') return { total: value };
  if (typeof value !== 'object' || value === null) throw new ConfigError(`${path}: expected options`);
  return { ...value };
};
const claim = (layers: Partial<PolicyClaim> = {}): PolicyClaim => ({ key: 'limit', parse, ...layers });
type Written = Readonly<Record<string, unknown>>;
const on = (
  target: PolicySubject['target'],
  { policies, name = 'x', kind }: { name?: string; kind?: PolicySubject['kind']; policies?: Written } = {},
): PolicySubject => ({
  target,
  name,
  kind,
  policies: writtenPolicies(target, `${target} "${name}": `, policies),
});
const resolve = (one: PolicyClaim, subject: PolicySubject, run?: Written) =>
  resolvePolicy(one, { ...subject, policies: [...subject.policies, ...writtenPolicies('run', '', run)] });

/** What may be said of stages, tools, functions, calls, pipelines and runs without any plugin. */
const OF_CORE = [
  ['name', 'kind', 'input', 'output', 'description', 'idempotent', 'collect', 'needs', 'optional', 'when', 'use'],
  ['signal', 'deadline', 'grace', 'runId', 'correlationId', 'idempotencyKey', 'data', 'priority'],
  ['stages', 'tools', 'replace', 'completed', 'onFailure'],
].flat();

const plain = { defaults: { a: 1 }, options: { a: 2 }, kinds: { agent: { a: 3 } } };
const named = { ...plain, stages: { x: { a: 4 } }, tools: { x: { a: 5 } } };

describe('of the layers the later one wins', () => {
  it.each<[string, number | undefined, PolicyClaim, PolicySubject, Record<string, unknown>?]>([
    ['default', 1, claim({ defaults: { a: 1 } }), on('function')],
    ['plugin', 2, claim(plain), on('function')],
    ['plugin', 2, claim(plain), on('function', { kind: 'work' })],
    ['kind', 3, claim(plain), on('function', { kind: 'agent' })],
    ['stage', 4, claim(named), on('stage', { kind: 'agent' })],
    ['tool', 5, claim(named), on('tool', { kind: 'agent' })],
    ['kind', 3, claim(named), on('function', { kind: 'agent' })],
    ['kind', 3, claim(named), on('tool', { kind: 'agent', name: 'y' })],
    ['stage', 6, claim(named), on('stage', { policies: { limit: { a: 6 } } })],
    ['tool', 6, claim(named), on('tool', { policies: { limit: { a: 6 } } })],
    ['function', 6, claim(named), on('function', { policies: { limit: { a: 6 } } })],
    ['run', 7, claim(named), on('tool', { policies: { limit: { a: 6 } } }), { limit: { a: 7 } }],
  ])('the %s layer: %d', (from, a, one, subject, run) => {
    expect(resolve(one, subject, run)).toEqual({ fields: { a }, from: { a: from } });
  });
});

describe('options', () => {
  it('are replaced field by field, and each tells where it came from', () => {
    const one = claim({ defaults: { a: 1, b: 1, c: 1 }, options: { b: 2, c: 2 } });
    expect(resolve(one, on('tool', { policies: { limit: { c: 3 } } }), { limit: '1s' })).toEqual({
      fields: { a: 1, b: 2, c: 3, total: '1s' },
      from: { a: 'default', b: 'plugin', c: 'tool', total: 'run' },
    });
  });

  it('inherit what is undefined, as a whole and field by field', () => {
    const one = claim({ defaults: { a: 1, b: 1 }, options: { a: undefined, b: 2 }, kinds: { agent: undefined } });
    const subject = on('tool', { kind: 'agent', policies: { limit: undefined } });
    expect(resolve(one, subject, { limit: undefined })).toEqual({
      fields: { a: 1, b: 2 },
      from: { a: 'default', b: 'plugin' },
    });
  });

  it("keep a field that is 'none': that is for the plugin to read", () => {
    expect(resolve(claim({ options: { a: 'none' } }), on('tool')).fields).toEqual({ a: 'none' });
  });

  it("switch the plugin off by 'none', and a later object switches it on again", () => {
    const off = claim({ defaults: { a: 1 }, options: 'none', stages: { x: {} } });
    expect(resolve(off, on('tool')).fields).toBeUndefined();
    expect(resolve(off, on('stage')).fields).toEqual({ a: 1 });
    expect(resolve(off, on('tool', { policies: { limit: { b: 2 } } })).fields).toEqual({ a: 1, b: 2 });
    expect(resolve(off, on('stage'), { limit: 'none' }).fields).toBeUndefined();
    expect(resolve(off, on('tool', { policies: { limit: 'none' } }), { limit: { c: 3 } }).fields).toEqual({
      a: 1,
      c: 3,
    });
  });

  it('cannot be changed once they are resolved, and do not change what they were made from', () => {
    const defaults = { a: 1 };
    const { fields } = resolve(claim({ defaults, options: { a: 2 } }), on('tool'));
    expect(Object.isFrozen(fields)).toBe(true);
    expect(defaults).toEqual({ a: 1 });
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'for a target or kind named %s are not found by accident',
    (name) => {
      const one = claim({ options: 'none', stages: {}, tools: {}, kinds: {} });
      for (const target of ['stage', 'tool'] as const) {
        expect(resolve(one, on(target, { name, kind: name as never })).fields).toBeUndefined();
      }
      expect(resolve({ ...one, key: name }, on('tool')).fields).toBeUndefined();
      const written = JSON.parse(`{"${name}":{"a":9}}`) as Record<string, { a: number }>;
      expect(resolve(claim({ tools: written }), on('tool', { name })).fields).toEqual({ a: 9 });
    },
  );

  it('called __proto__ are fields like any other', () => {
    const written = JSON.parse('{"__proto__":{"admin":true}}') as object;
    const { fields, from } = resolve(claim(), on('tool', { policies: { limit: written } }));
    expect(fields?.['admin']).toBeUndefined();
    expect(Object.entries(from)).toEqual([['__proto__', 'tool']]);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('that cannot be parsed are refused with the path where they stand', () => {
    const on5 = on('tool', { name: 'search', policies: { limit: 5 } });
    expect(() => resolve(claim(), on5)).toThrow('tool "search": limit: expected options');
    expect(() => resolve(claim(), on('stage', { policies: { limit: 5 } }))).toThrow('stage "x": limit: ');
    expect(() => resolve(claim(), on('tool'), { limit: 5 })).toThrow(/^limit: expected options$/);
    const bad = claim({ parse: () => 5 as never });
    expect(() => resolve(bad, on('tool', { policies: { limit: 'x' } }))).toThrow(
      'tool "x": limit: its parse() answered 5 instead of an object',
    );
  });

  it.each(OF_CORE)('may not be claimed under the name %s, which is one of core', (key) => {
    const greedy: Interceptor = {
      name: 'greedy',
      priority: 0,
      policy: claim({ key }),
      intercept: (call, next) => next(call),
    };
    expect(() => stack([greedy])).toThrow(`use[0].policy.key: "${key}" is the name of an option of core`);
  });
});

describe('what call.policy() answers', () => {
  const seen: Record<string, unknown> = {};
  const asks = (name: string, priority: number, policy?: PolicyClaim): Interceptor =>
    defineInterceptor({
      name,
      priority,
      ...(policy && { policy }),
      intercept(call, next) {
        seen[name] = call.policy('limit');
        return next(call);
      },
    });
  const total = asks('total', Place.total, claim({ defaults: { who: 'total' } }));
  const attempt = asks('attempt', Place.attempt, claim({ defaults: { who: 'attempt' } }));
  const inner = asks('inner', Place.chaos);
  const outer = asks('outer', Place.observe);
  const runner = createRunner({ use: [inner, attempt, total, outer] });
  const told = async (call: () => Promise<unknown>): Promise<unknown> => {
    for (const name of Object.keys(seen)) delete seen[name];
    await call();
    return { ...seen };
  };

  it('is what an interceptor claims itself; for others, what the outermost that claims it does', async () => {
    expect(await told(() => runner.call(tool('a', {}, () => 1)))).toEqual({
      outer: { who: 'total' },
      total: { who: 'total' },
      attempt: { who: 'attempt' },
      inner: { who: 'total' },
    });
  });

  it('follows the options of the target and of the one call', async () => {
    const limited = tool('a', { limit: { ms: 1 } } as object, () => 1);
    expect(await told(() => runner.call(limited))).toMatchObject({ attempt: { who: 'attempt', ms: 1 } });
    expect(await told(() => runner.call(limited, undefined, { limit: { ms: 2 } } as object))).toMatchObject({
      total: { who: 'total', ms: 2 },
      attempt: { who: 'attempt', ms: 2 },
    });
    expect(await told(() => runner.call(limited))).toMatchObject({ attempt: { ms: 1 } });
    expect(await told(() => runner.wrap(() => 1, { limit: { ms: 3 } } as object)())).toMatchObject({
      total: { ms: 3 },
    });
  });

  it('is nothing where the plugin is switched off: it does not stand in the chain at all', async () => {
    const unlimited = tool('a', { limit: 'none' } as object, () => 1);
    expect(await told(() => runner.call(unlimited))).toEqual({ outer: undefined, inner: undefined });
    expect(await told(() => runner.call(unlimited, undefined, { limit: {} } as object))).toHaveProperty('total');
    expect(await told(() => stack([outer]).execute(() => 1))).toEqual({ outer: undefined });
  });

  it('is refused before anything runs, where one call writes what cannot be parsed', async () => {
    const one = tool('a', {}, () => 1);
    await expect(runner.call(one, undefined, { limit: 5 } as object)).rejects.toThrow('limit: expected options');
    const other = tool('b', { limit: 5 } as object, () => 1);
    await expect(runner.call(other)).rejects.toThrow('tool "b": limit: expected options');
  });
});
