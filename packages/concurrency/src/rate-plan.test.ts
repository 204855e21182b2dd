import type { Call, PolicySource } from '@sluice/core';
import { expect, it } from 'vitest';
import { RATE_DEFAULTS, type RateFields } from './rate-limit-options.ts';
import { ratePlanOf } from './rate-plan.ts';

const perMinute = { limit: 60, perMs: 60_000 };
const BASE = { ...RATE_DEFAULTS, rates: { requests: perMinute, tokens: perMinute } } as unknown as RateFields;
const call = { target: 'tool', name: 'ask', runId: 'r1', input: { size: 7 } } as unknown as Call;

function plan(
  said: Partial<RateFields> = {},
  from: Partial<Record<string, PolicySource>> = { rates: 'plugin' },
  target = 'tool',
  base = BASE,
) {
  const fields = { ...base, ...said };
  return ratePlanOf(fields, base, from as Readonly<Record<string, PolicySource>>, { target, name: 'ask' });
}

it('counts tools and functions, and stages only if something is said of them', () => {
  expect(plan().applies).toBe(true);
  expect(plan({}, { rates: 'plugin' }, 'function').applies).toBe(true);
  expect(plan({}, { rates: 'plugin', burst: 'default' }, 'stage').applies).toBe(false);
  expect(plan({ cost: 3 }, { rates: 'plugin', cost: 'stage' }, 'stage').applies).toBe(true);
});

it('has rates of its own only where rates are said', () => {
  expect(plan().own).toBeUndefined();
  expect(plan({ mode: 'reject' }, { rates: 'plugin', mode: 'tool' }).own).toBeUndefined();
  const { own } = plan({ rates: { requests: { limit: 1, perMs: 1 } } }, { rates: 'tool' });
  expect(own?.key(call)).toContain('tool:ask');
  expect(own?.fields.rates).toEqual({ requests: { limit: 1, perMs: 1 } });
  expect(plan({}, { rates: 'run' }).own?.key(call)).toContain('r1');
});

it('has shared rates unless there are none', () => {
  expect(plan().shared).toBe(BASE);
  const none = { ...BASE, rates: {} };
  expect(plan({ rates: { requests: perMinute } }, { rates: 'tool' }, 'tool', none).shared).toBeUndefined();
});

it.each([
  [undefined, { requests: 1, tokens: 0, day: 1 }],
  [500, { requests: 1, tokens: 500, day: 1 }],
  [{ tokens: 20 }, { requests: 1, tokens: 20, day: 1 }],
  [
    { requests: 2, day: 3 },
    { requests: 2, tokens: 0, day: 3 },
  ],
  [(its: Call) => (its.input as { size: number }).size, { requests: 1, tokens: 7, day: 1 }],
  [() => ({ requests: 0 }), { requests: 0, tokens: 0, day: 1 }],
] as const)('a call costs what is said, and else one of each but of tokens: %j', (cost, costs) => {
  const base = { ...BASE, rates: { ...BASE.rates, day: perMinute } };
  expect(plan({ cost: cost as RateFields['cost'] }, {}, 'tool', base).costs(call)).toEqual(costs);
});

it('a number is a number of requests where there are no tokens', () => {
  const base = { ...BASE, rates: { requests: perMinute } };
  expect(plan({ cost: 5 }, {}, 'tool', base).costs(call)).toEqual({ requests: 5 });
});

it('names what its own rates have besides the shared ones', () => {
  const own = { rates: { pages: perMinute } };
  expect(plan(own, { rates: 'tool' }).costs(call)).toEqual({ requests: 1, tokens: 0, pages: 1 });
});

it.each([Number.NaN, -1, Number.POSITIVE_INFINITY, 'three', undefined])('refuses a cost of %s', (tokens) => {
  const cost = () => ({ tokens }) as never;
  expect(() => plan({ cost }, {}).costs(call)).toThrow(/cost: expected a finite number ≥ 0 of tokens/);
});
