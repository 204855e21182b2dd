import { expect, it } from 'vitest';
import { Ramp } from './ramp.ts';

it('A ramp lets in a tenth at first, evenly more and more, and all at its end', () => {
  const ramp = new Ramp(2_000, 1_000);
  expect([1_000, 1_500, 1_999, 2_000, 9_000].map((now) => Number(ramp.share(now).toFixed(4)))).toEqual([
    0.1, 0.55, 0.9991, 1, 1,
  ]);
});
