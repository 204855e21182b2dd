import { type Call, Problems } from '@sluice/core';
import { expect, it } from 'vitest';
import { keyBy, type Per, readPer } from './per.ts';

const call = { target: 'tool', name: 'search', kind: undefined, input: { tenant: 7 } } as unknown as Call;

it.each([
  ['all', 'all'],
  ['name', 'tool:search'],
  ['kind', 'none'],
  [({ input }: Call) => String((input as { tenant: number }).tenant), '7'],
  [() => 7 as unknown as string, '7'],
] as const)('tells limits apart by %s', (per, key) => {
  expect(keyBy(per as Per)(call)).toBe(key);
});

it('tells stages, tools and functions of one name apart, and kinds by their name', () => {
  expect(keyBy('name')({ ...call, target: 'stage' } as Call)).toBe('stage:search');
  expect(keyBy('kind')({ ...call, kind: 'agent' } as Call)).toBe('agent');
});

it('throws what a function of its user throws', () => {
  const own = new Error('own');
  const key = keyBy(() => {
    throw own;
  });
  expect(() => key(call)).toThrow(own);
});

it.each(['tool', '', 1, null, {}, undefined])('is not said by %j', (per) => {
  const problems = new Problems();
  expect(readPer(per, 'concurrency.per', problems)).toBeUndefined();
  expect(() => problems.throwIfAny()).toThrow(/concurrency\.per: expected 'all', 'name', 'kind', or a function/);
});

it.each(['all', 'name', 'kind', () => 'key'])('is said by %s', (per) => {
  const problems = new Problems();
  expect(readPer(per, 'per', problems)).toBe(per);
  problems.throwIfAny();
});
