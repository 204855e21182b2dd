import { ConfigError, createRunner, tool } from '@sluice/core';
import { expect, it } from 'vitest';
import { fallback, idempotency } from './index.ts';

const issues = (make: () => unknown): string[] => {
  try {
    make();
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map(({ message }) => message);
    throw error;
  }
  return expect.unreachable('it should have been refused');
};

it.each<[string, unknown, RegExp]>([
  ['nothing', null, /idempotency.*options/],
  ['a number', 5, /idempotency: .*got 5/],
  ['an empty key', { key: '' }, /idempotency\.key: .*a key/],
  ['a number as key', { key: 5 }, /idempotency\.key: .*got 5/],
  ['a word for a time', { ttl: 'soon' }, /idempotency\.ttl/],
  ['a negative time', { ttl: -1 }, /idempotency\.ttl/],
  ['no number', { ttl: Number.NaN }, /idempotency\.ttl/],
  ['Infinity, which is said as none', { ttl: Number.POSITIVE_INFINITY }, /idempotency\.ttl.*'none'/],
  ['a word for a mismatch', { onMismatch: 'ignore' }, /idempotency\.onMismatch: expected 'reject' or 'run'/],
  ['a store that cannot keep', { store: { get() {} } }, /idempotency\.store: expected a store/],
  ['an unknown option', { kye: 'k' }, /"?kye"?.*key/],
  ['a kind that is none', { kinds: { agnet: 'k' } }, /agnet.*agent/],
  ['a store for one tool', { tools: { pay: { store: new Map() } } }, /idempotency\.tools\.pay\.store/],
  ['an empty key for one stage', { stages: { pay: '' } }, /idempotency\.stages\.pay/],
])('idempotency refuses %s', (_, options, message) => {
  expect(issues(() => idempotency(options as never)).join('\n')).toMatch(message);
});

it.each<[string, unknown, RegExp]>([
  ['nothing', null, /fallback.*options/],
  ['a number', 5, /fallback: .*got 5/],
  ['errors that are no classifier', { on: 503 }, /fallback\.on/],
  ['an unknown option', { onn: () => true }, /onn/],
  ['a shorthand for one tool', { tools: { pay: 5 } }, /fallback\.tools\.pay: .*'none'/],
  ['a list for one stage', { stages: { pay: [] } }, /fallback\.stages\.pay/],
])('fallback refuses %s for options', (_, options, message) => {
  expect(issues(() => fallback('other', options as never)).join('\n')).toMatch(message);
});

it.each<[string, object]>([
  ['idempotency', { idempotency: { ttl: 'soon' } }],
  ['fallback', { fallback: 'cached' }],
])('what is wrong where a tool says it of %s is told with its place', (key, policies) => {
  const runner = createRunner({ use: [idempotency(), fallback(0)] });
  const pay = tool('pay', policies as never, async () => 'paid');
  expect(issues(() => runner.explain(pay)).join('\n')).toMatch(new RegExp(`pay.*${key}`));
});

it('new options that are wrong change nothing', () => {
  const plugin = idempotency({ key: 'k' });
  const runner = createRunner({ use: [plugin] });
  expect(issues(() => runner.update({ idempotency: { store: new Map() } } as never)).join('\n')).toMatch(/store/);
  expect(issues(() => runner.update({ idempotency: { ttl: -5 } } as never)).join('\n')).toMatch(/ttl/);
});
