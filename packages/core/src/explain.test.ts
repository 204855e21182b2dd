import { describe, expect, it } from 'vitest';
import { explainChain } from './explain.ts';
import type { Finding } from './finding.ts';
import { defineInterceptor } from './interceptor.ts';
import type { ResolvedPolicy } from './policies.ts';

const placed = (name: string, priority: number): Parameters<typeof explainChain>[1][number] => ({
  interceptor: defineInterceptor({ name, priority, intercept: (call, next) => next(call) }),
  traits: undefined,
});
const chain = [placed('audit', 0), placed('timeout', 30), placed('mine', 51), placed('breaker', 60)];
const policies: (ResolvedPolicy | undefined)[] = [
  undefined,
  { fields: { total: 30_000, soft: Number.POSITIVE_INFINITY }, from: { total: 'plugin', soft: 'default' } },
  { fields: {}, from: {} },
  { fields: undefined, from: {} },
];
const finding: Finding = { code: 'retry-without-limit', level: 'warning', message: 'It goes on', fix: 'Stop it.' };

describe('an explanation', () => {
  it('is text for people: every interceptor in its place, its options, and what is found', () => {
    expect(explainChain('Tool "a"', chain, policies, [finding]).text).toBe(
      [
        'Tool "a", outermost first:',
        '  observe    0  audit',
        '  total     30  timeout  total=30000 (plugin), soft=none (default)',
        '  retry+1   51  mine',
        '  breaker   60  breaker  switched off',
        '  warning retry-without-limit: It goes on. Stop it.',
      ].join('\n'),
    );
  });

  it('is data for programs', () => {
    const { entries, findings } = explainChain('Stack', chain, policies, [finding]);
    expect(entries).toEqual([
      { place: 'observe', priority: 0, name: 'audit', options: {}, off: false },
      {
        place: 'total',
        priority: 30,
        name: 'timeout',
        options: {
          total: { value: 30_000, from: 'plugin' },
          soft: { value: Number.POSITIVE_INFINITY, from: 'default' },
        },
        off: false,
      },
      { place: 'retry+1', priority: 51, name: 'mine', options: {}, off: false },
      { place: 'breaker', priority: 60, name: 'breaker', options: {}, off: true },
    ]);
    expect(findings).toEqual([finding]);
  });

  it('of nothing says so', () => {
    expect(explainChain('Stack', [], [], []).text).toBe('Stack, outermost first:\n  (no interceptors)');
  });

  it('touches no value that an option holds', () => {
    const hostile = { toString: () => 'touched', toJSON: () => 'touched' };
    const resolved: ResolvedPolicy = { fields: { key: hostile, text: 'x' }, from: { key: 'run', text: 'tool' } };
    expect(explainChain('Stack', [placed('p', 0)], [resolved], []).text).toContain(
      'p  key=an object (run), text="x" (tool)',
    );
  });
});
