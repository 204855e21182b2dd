import { expect, it } from 'vitest';
import { Collector } from './collector.ts';

function collected(keep: 'all' | 'last' | 'none', streaming: boolean, ...items: unknown[]): Collector {
  const collector = new Collector(keep);
  collector.streaming = streaming;
  for (const item of items) collector.add(item);
  return collector;
}

it.each<[string, Collector, unknown]>([
  ['a stream amounts to all its items', collected('all', true, 1, 2), [1, 2]],
  ['a stream of nothing amounts to an empty array', collected('all', true), []],
  ['a stream of which the last is wanted amounts to its last item', collected('last', true, 1, 2), 2],
  ['a stream of nothing has no last item', collected('last', true), undefined],
  ['what is no stream amounts to its value', collected('all', false, 1), 1],
])('%s', (_, collector, result) => {
  expect(collector.result).toEqual(result);
});

it('what was emitted so far is the partial result, as it was when it was asked for', () => {
  const collector = collected('all', true);
  expect(collector.partial).toBeUndefined();
  collector.add('a');
  const { partial } = collector;
  collector.add('b');
  expect(partial).toEqual(['a']);
  expect(collector.partial).toEqual(['a', 'b']);
});

it('what the work reports goes before what it emits', () => {
  const collector = collected('all', true, 'a');
  expect(collector.report({ pages: 2 })).toBeUndefined();
  collector.add('b');
  expect(collector.partial).toEqual({ pages: 2 });
  expect(collector.report(() => {})).toBe('it cannot be copied');
  expect(collector.partial).toEqual({ pages: 2 });
});

it('a new attempt has achieved nothing, and goes on counting', () => {
  const collector = collected('all', true, 'a', 'b');
  collector.report('half');
  collector.reset();
  expect([collector.partial, collector.streaming, collector.result, collector.count]).toEqual([
    undefined,
    false,
    undefined,
    2,
  ]);
});

it('where only the last item is wanted, it is the partial result; where somebody takes the items, there is none', () => {
  expect(collected('last', true, 1, 2).partial).toBe(2);
  expect(collected('none', true, 1, 2).partial).toBeUndefined();
});
