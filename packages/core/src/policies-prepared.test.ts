import { describe, expect, it } from 'vitest';
import { defineInterceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { type PolicyClaim, type PolicyFields, type PolicySubject, resolvePolicy, writtenPolicies } from './policies.ts';
import { createRunner } from './runner.ts';
import { tool } from './tool.ts';

const parse: PolicyClaim['parse'] = (value) => ({ ...(value as object) });
const claim = (more: Partial<PolicyClaim> = {}): PolicyClaim => ({ key: 'limit', parse, ...more });
const on = (policies?: Readonly<Record<string, unknown>>): PolicySubject => ({
  ...{ target: 'tool', name: 'x' },
  policies: writtenPolicies('tool', 'tool "x": ', policies),
});

describe('what is implied by what was said', () => {
  it('is added where nobody has said it, as a default', () => {
    const one = claim({ options: { a: 1 }, implied: () => ({ a: 9, b: 9 }) });
    expect(resolvePolicy(one, on({ limit: { c: 3 } }))).toEqual({
      fields: { a: 1, b: 9, c: 3 },
      from: { a: 'plugin', b: 'default', c: 'tool' },
    });
  });

  it('is asked for with everything that was said, defaults included', () => {
    const seen: PolicyFields[] = [];
    const implied = (fields: PolicyFields) => {
      seen.push({ ...fields });
      return { c: 'implied', d: undefined };
    };
    const one = claim({ defaults: { a: 1, b: 1 }, options: { b: 2 }, implied });
    expect(resolvePolicy(one, on({ limit: { b: 3 } })).fields).toEqual({ a: 1, b: 3, c: 'implied' });
    expect(seen).toEqual([{ a: 1, b: 3 }]);
  });

  it('is nothing where the plugin is switched off, and all of it where it is switched on again', () => {
    const one = claim({ options: 'none', implied: () => ({ b: 9 }) });
    expect(resolvePolicy(one, on())).toEqual({ fields: undefined, from: {} });
    expect(resolvePolicy(one, on({ limit: { a: 1 } })).fields).toEqual({ a: 1, b: 9 });
  });
});

describe('what a plugin makes of its options', () => {
  const counted = (policy: Partial<PolicyClaim>) => {
    const seen: unknown[] = [];
    const interceptor = defineInterceptor({
      name: 'limit',
      priority: Place.total,
      policy: claim(policy),
      intercept(call, next) {
        seen.push(call.policy('limit'));
        return next(call);
      },
    });
    return { seen, interceptor };
  };

  it('is made once for each target, and is what its calls are answered', async () => {
    const made: unknown[] = [];
    const prepare = (
      fields: PolicyFields,
      { target, name, kind }: { target: string; name: string; kind?: unknown },
    ) => {
      const plan = { plan: [fields, target, name, kind] };
      made.push(plan);
      return plan;
    };
    const { seen, interceptor } = counted({ options: { a: 1 }, prepare });
    const runner = createRunner({ use: [interceptor] });
    const first = tool('first', { kind: 'agent' }, () => 1);
    const second = tool('second', { limit: { a: 2 } } as object, () => 2);
    for (let n = 0; n < 3; n++) {
      await runner.call(first);
      await runner.call(second);
    }
    expect(made).toEqual([
      { plan: [{ a: 1 }, 'tool', 'first', 'agent'] },
      { plan: [{ a: 2 }, 'tool', 'second', undefined] },
    ]);
    expect(new Set(seen)).toEqual(new Set(made));
    expect(seen[0]).toBe(made[0]);
  });

  it('is the fields themselves unless it says otherwise, and it is not even asked where it is switched off', async () => {
    const { seen, interceptor } = counted({ options: { a: 1 } });
    const runner = createRunner({ use: [interceptor] });
    await runner.call(tool('on', {}, () => 1));
    await runner.call(tool('off', { limit: 'none' } as object, () => 1));
    expect(seen).toEqual([{ a: 1 }]);
  });

  it('is not made where the plugin is switched off', async () => {
    const { interceptor } = counted({ options: { a: 1 }, prepare: () => expect.unreachable() });
    const runner = createRunner({ use: [interceptor] });
    expect(await runner.call(tool('off', { limit: 'none' } as object, () => 1))).toBe(1);
  });

  it('changes nothing of what explain() tells', () => {
    const { interceptor } = counted({ options: { a: 1 }, prepare: () => ({ b: 2 }) });
    const { entries } = createRunner({ use: [interceptor] }).explain(tool('x', {}, () => 1));
    expect(entries[0]?.options).toEqual({ a: { value: 1, from: 'plugin' } });
  });
});
