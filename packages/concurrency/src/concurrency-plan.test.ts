import type { Call, PolicySource } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { adaptive } from './adaptive.ts';
import { CONCURRENCY_DEFAULTS, type ConcurrencyFields } from './concurrency-options.ts';
import { planOf, settingsOf } from './concurrency-plan.ts';

const BASE = { ...CONCURRENCY_DEFAULTS, limit: 20 } as unknown as ConcurrencyFields;
const subject = { target: 'tool', name: 'search', kind: 'work' };
const call = { target: 'tool', name: 'search', kind: 'work', runId: 'r1', priority: 4, input: {} } as Call;

function plan(said: Partial<ConcurrencyFields>, from: Partial<Record<string, PolicySource>>, base = BASE) {
  return planOf({ ...base, ...said }, base, from as Readonly<Record<string, PolicySource>>, 'all', subject);
}

describe('a plan', () => {
  it('has one limit for what nothing is said of', () => {
    const { own, shared } = plan({}, { limit: 'plugin', ageing: 'default' });
    expect(own).toBeUndefined();
    expect(shared(call)).toBe('all');
  });

  it.each([
    ['limit', { limit: 2 }, 2],
    ['exclusive', { exclusive: true }, Number.POSITIVE_INFINITY],
  ] as const)('has a limit of its own when %s is said of a tool', (name, said, limit) => {
    const { own } = plan(said, { [name]: 'tool' });
    expect(own?.settings).toMatchObject({ limit });
    expect(own?.claim(call).exclusive).toBe(name === 'exclusive');
  });

  it.each([
    ['queueMax', { queueMax: 5 }],
    ['queueTimeout', { queueTimeout: 5 }],
    ['release', { release: 'verdict' }],
    ['orphanLease', { orphanLease: 5 }],
  ] as const)('takes %s of a tool along to wherever it waits', (name, said) => {
    const { own, claim } = plan(said, { [name]: 'tool' });
    expect(own).toBeUndefined();
    expect(claim(call).terms).toMatchObject(said);
  });

  it.each([
    ['priority', { priority: 3 }],
    ['weight', { weight: 3 }],
    ['ageing', { ageing: 3 }],
  ] as const)('has no limit of its own when only %s is said', (name, said) => {
    expect(plan(said, { [name]: 'tool' }).own).toBeUndefined();
  });

  it('takes what is alone by itself for no claim on the shared limit', () => {
    const { claim, own } = plan({ exclusive: true }, { exclusive: 'tool' });
    expect(claim(call).exclusive).toBe(false);
    expect(own?.claim(call).exclusive).toBe(true);
  });

  it('has a key for each run where something is said of a run or a pipeline, though more is said nearer', () => {
    for (const source of ['run', 'pipeline'] as const) {
      const { own } = plan({ limit: 2, queueMax: 1 }, { limit: source, queueMax: 'tool' });
      expect(own?.key(call)).toContain('r1');
    }
    expect(plan({ limit: 2 }, { limit: 'kind' }).own?.key(call)).toContain('kind:work');
    expect(plan({ limit: 2 }, { limit: 'tool' }).own?.key(call)).toContain('tool:search');
  });

  it('has no limit of its own where that is none', () => {
    expect(plan({ limit: Number.POSITIVE_INFINITY }, { limit: 'tool' }).own).toBeUndefined();
    const alone = { limit: Number.POSITIVE_INFINITY, exclusive: true };
    expect(plan(alone, { limit: 'tool', exclusive: 'tool' }).own).toBeDefined();
  });
});

describe('a claim', () => {
  it('has the priority of its run unless something else is said', () => {
    expect(plan({}, {}).claim(call).priority).toBe(4);
    expect(plan({ priority: -2 }, {}).claim(call).priority).toBe(-2);
    expect(plan({ priority: ({ name }) => name.length }, {}).claim(call).priority).toBe(6);
  });

  it.each([
    [1.4, 1],
    [-1.6, -2],
    [5_000, 1_000],
    [-5_000, -1_000],
    [Number.POSITIVE_INFINITY, 1_000],
  ])('rounds the priority %d to %d, within bounds', (priority, is) => {
    expect(plan({ priority: () => priority }, {}).claim(call).priority).toBe(is);
  });

  it('refuses a priority, or a weight, that is no number', () => {
    expect(() => plan({ priority: () => Number.NaN }, {}).claim(call)).toThrow('priority: expected a number');
    expect(() => plan({ weight: () => Number.NaN }, {}).claim(call)).toThrow(/weight: expected .*NaN/);
    expect(() => plan({ weight: () => -1 }, {}).claim(call)).toThrow(/weight: expected .*-1/);
  });

  it('takes as many permits as is said, and counts against its tenant', () => {
    const fair = { by: ({ name }: Call) => name };
    expect(plan({ weight: 3, fair }, {}).claim(call)).toMatchObject({ cost: 3, tenant: 'search' });
    expect(plan({ weight: () => 2 }, {}).claim(call)).toMatchObject({ cost: 2, tenant: undefined });
    expect(plan({ fair: { by: () => 7 as never } }, {}).claim(call).tenant).toBe('7');
  });

  it('must be alone when a function says something true', () => {
    const base = { ...BASE, exclusive: (() => 'yes') as never };
    expect(plan({}, {}, base).claim(call).exclusive).toBe(true);
  });
});

describe('settings', () => {
  it('begin at the highest limit where it is learned', () => {
    const limit = adaptive({ min: 2, max: 30 });
    expect(settingsOf({ ...BASE, limit })).toMatchObject({ limit: 30, adaptive: limit });
    expect(settingsOf(BASE)).toMatchObject({ limit: 20, adaptive: undefined });
  });

  it('share evenly unless something else is said, and not at all unless that is', () => {
    expect(settingsOf(BASE).share).toBeUndefined();
    expect(settingsOf({ ...BASE, fair: { by: () => 'a' } }).share?.('a')).toBe(1);
    expect(settingsOf({ ...BASE, fair: { by: () => 'a', share: () => 4 } }).share?.('a')).toBe(4);
  });
});
