import { expect, it } from 'vitest';
import { Place, placeName } from './place.ts';

it('the places stand ten apart, in the order in which they work', () => {
  expect(Place).toEqual({
    observe: 0,
    fallback: 10,
    idempotency: 20,
    total: 30,
    admission: 40,
    retry: 50,
    breaker: 60,
    rate: 70,
    concurrency: 80,
    attempt: 90,
    chaos: 100,
  });
});

it.each(Object.entries(Place))('%s is the name of priority %d', (name, priority) => {
  expect(placeName(priority)).toBe(name);
});

it.each([
  [51, 'retry+1'],
  [59, 'retry+9'],
  [0.5, 'observe+0.5'],
  [-3, 'observe-3'],
  [250, 'chaos+150'],
])('priority %d is called %s', (priority, name) => {
  expect(placeName(priority)).toBe(name);
});
