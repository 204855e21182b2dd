import { of } from 'rxjs';
import { describe, expectTypeOf, it } from 'vitest';
import { createRunner } from './runner.ts';
import { withContext } from './with-context.ts';
import { wrap } from './wrap.ts';

declare function load(id: string, options?: { fresh: boolean }): Promise<{ id: string }>;
const runner = createRunner();

describe('a wrapped function', () => {
  it('takes the same arguments, and promises the result', () => {
    const loaded = wrap(load);
    expectTypeOf(loaded).parameters.toEqualTypeOf<[id: string, options?: { fresh: boolean } | undefined]>();
    expectTypeOf(loaded).returns.toEqualTypeOf<Promise<{ id: string }>>();
    expectTypeOf(runner.wrap(load)).toEqualTypeOf(loaded);
    // @ts-expect-error an id is a string
    loaded(7);
    // @ts-expect-error an id is needed
    loaded();
    // @ts-expect-error nothing comes after the options
    loaded('7', { fresh: true }, 1);
  });

  it('promises what its result amounts to, in every form', () => {
    expectTypeOf(wrap(() => 1)).returns.toEqualTypeOf<Promise<number>>();
    expectTypeOf(wrap(() => of(1))).returns.toEqualTypeOf<Promise<number[]>>();
    expectTypeOf(
      wrap(async function* () {
        yield 'x';
      }),
    ).returns.toEqualTypeOf<Promise<string[]>>();
    expectTypeOf(wrap(() => {})).returns.toEqualTypeOf<Promise<void>>();
    expectTypeOf(wrap((): Promise<number> | string => 1 as never)).returns.toEqualTypeOf<Promise<number | string>>();
  });

  it('keeps this', () => {
    const add = wrap(function (this: { step: number }, n: number) {
      return n + this.step;
    });
    expectTypeOf(add).thisParameter.toEqualTypeOf<{ step: number }>();
    // @ts-expect-error there is no step here
    add(1);
    const counter = { step: 2, add };
    expectTypeOf(counter.add(1)).toEqualTypeOf<Promise<number>>();
  });

  it('does not show the context that it wants', () => {
    const stopped = wrap(withContext((ctx, id: string) => [id, ctx.signal.aborted] as const));
    expectTypeOf(stopped).parameters.toEqualTypeOf<[id: string]>();
    expectTypeOf(stopped).returns.toEqualTypeOf<Promise<readonly [string, boolean]>>();
  });
});

it('what cannot be wrapped does not compile', () => {
  // @ts-expect-error no function
  wrap(5);
  // @ts-expect-error no plugin
  wrap(load, 'retry');
  // @ts-expect-error no such kind
  runner.wrap(load, { kind: 'wrok' });
  // @ts-expect-error no such option
  runner.wrap(load, { nmae: 'load' });
});
