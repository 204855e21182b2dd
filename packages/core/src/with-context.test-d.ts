import { expectTypeOf, it } from 'vitest';
import type { Context } from './context.ts';
import { withContext } from './with-context.ts';

it('the context is known to the function, and unknown to its callers', () => {
  const load = withContext((ctx, id: string, size?: number) => {
    expectTypeOf(ctx).toEqualTypeOf<Context>();
    return ctx.signal.aborted ? undefined : `${id}${size}`;
  });
  expectTypeOf(load).toEqualTypeOf<(id: string, size?: number | undefined) => string | undefined>();
});

it('a generic function keeps what it promises', () => {
  const first = withContext(async (_ctx, ...items: number[]) => items[0]);
  expectTypeOf(first).toEqualTypeOf<(...items: number[]) => Promise<number | undefined>>();
});

it('what takes something else first does not compile', () => {
  // @ts-expect-error the first argument is the context
  withContext((id: string) => id);
});
