import { of } from 'rxjs';
import { expectTypeOf, it } from 'vitest';
import type { Context } from './context.ts';
import { stack } from './stack.ts';

const made = stack([]);

it('execute promises what its work amounts to, in every form', () => {
  expectTypeOf(made.execute(() => 1)).toEqualTypeOf<Promise<number>>();
  expectTypeOf(made.execute(async () => 'x' as const)).toEqualTypeOf<Promise<'x'>>();
  expectTypeOf(made.execute(() => of(1))).toEqualTypeOf<Promise<number[]>>();
  expectTypeOf(
    made.execute(async function* () {
      yield 1;
    }),
  ).toEqualTypeOf<Promise<number[]>>();
  expectTypeOf(made.execute(() => {})).toEqualTypeOf<Promise<void>>();
});

it('execute gives its work a context', () => {
  made.execute((ctx) => expectTypeOf(ctx).toEqualTypeOf<Context>());
  // @ts-expect-error the work takes nothing but its context
  made.execute((_ctx, _more: string) => 1);
});

it('a stack cannot be changed', () => {
  // @ts-expect-error read only
  made.interceptors = [];
  // @ts-expect-error read only
  expectTypeOf(made.interceptors.push).toBeFunction();
});

it('options that cannot be do not compile', () => {
  // @ts-expect-error no duration
  made.execute(() => 1, { deadline: 'soon' });
  // @ts-expect-error no such kind
  made.execute(() => 1, { kind: 'wrok' });
  // @ts-expect-error no such option
  stack([], { acknowlegde: [] });
});
