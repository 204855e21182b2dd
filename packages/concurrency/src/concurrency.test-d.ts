import { type Context, tool, wrap } from '@sluice/core';
import { describe, expectTypeOf, it } from 'vitest';
import { adaptive, admission, concurrency, rateLimit } from './index.ts';

describe('the types of limits', () => {
  it('take a number, a limit that finds itself, and the options one by one', () => {
    concurrency(20);
    concurrency(adaptive({ max: 100 }));
    concurrency({
      limit: 5,
      per: 'name',
      queue: { max: 0, timeout: '1s', order: 'lifo' },
      priority: (call) => call.priority,
    });
    concurrency({ limit: 5, fair: { by: (call) => call.name, share: () => 2 }, ageing: 'none', place: 85 });
    // @ts-expect-error: no order
    concurrency({ limit: 5, queue: { order: 'random' } });
    // @ts-expect-error: its place is said by place
    concurrency({ limit: 5, priority: 'first' });
    // @ts-expect-error: not an option
    concurrency({ limt: 5 });
  });

  it('take rates as text and as numbers', () => {
    rateLimit('10/s');
    rateLimit({ limit: 10, per: '1s' });
    rateLimit({
      requests: '60/m',
      tokens: { limit: 90_000, per: '1m' },
      limits: { day: '1000/d' },
      cost: () => ({ tokens: 5 }),
    });
    // @ts-expect-error: no rate
    rateLimit('often');
    // @ts-expect-error: it must be said how many
    admission({ shed: 'newest' });
    admission({ max: 5, shed: adaptive() });
  });

  it('are the policies of stages and tools, and leave results as they are', () => {
    const search = tool('search', { concurrency: 2, rateLimit: '5/s' }, async (q: string, ctx: Context) => {
      ctx.settle({ tokens: q.length });
      return [q];
    });
    expectTypeOf(search.name).toEqualTypeOf<string>();
    // @ts-expect-error: neither of the two
    tool('search', { concurrency: { release: 'never' } }, async (q: string) => q);
    const load = wrap(async (id: string) => ({ id }), concurrency(1), rateLimit('1/s'));
    expectTypeOf(load).returns.resolves.toEqualTypeOf<{ id: string }>();
  });
});
