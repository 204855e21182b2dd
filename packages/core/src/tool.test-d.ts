import { type Observable, of, Subject } from 'rxjs';
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import type { Context } from './context.ts';
import type { StandardSchema } from './standard-schema.ts';
import { type AnyTool, type Tool, tool } from './tool.ts';

/** An Observable of another library. */
declare const foreign: {
  subscribe(observer: { next(value: number): void; error(error: unknown): void; complete(): void }): () => void;
};
declare const byHand: StandardSchema<{ q: string }, URL>;

describe('the input of a tool', () => {
  it('is what its schema says', () => {
    const search = tool('search', { input: z.object({ q: z.string() }) }, (input, ctx) => {
      expectTypeOf(input).toEqualTypeOf<{ q: string }>();
      expectTypeOf(ctx).toEqualTypeOf<Context>();
      return 1;
    });
    expectTypeOf(search).toEqualTypeOf<Tool<{ q: string }, number, number>>();
  });

  it('is for callers what a transforming schema takes, and for the work what it makes', () => {
    const input = z.object({ page: z.string().transform(Number), size: z.number().default(10) });
    const list = tool('list', { input }, (given) => {
      expectTypeOf(given).toEqualTypeOf<{ page: number; size: number }>();
    });
    expectTypeOf(list).toEqualTypeOf<Tool<{ page: string; size?: number | undefined }, void, void>>();
    const fetched = tool('fetched', { input: byHand }, (url) => url);
    expectTypeOf(fetched).toEqualTypeOf<Tool<{ q: string }, URL, URL>>();
  });

  it('is what its annotation says, where there is no schema', () => {
    expectTypeOf(tool('a', {}, (_: { id: number }) => 1)).toEqualTypeOf<Tool<{ id: number }, number, number>>();
    expectTypeOf(tool('a', {}, () => 1)).toEqualTypeOf<Tool<unknown, number, number>>();
  });

  it('cannot be annotated otherwise than the schema says', () => {
    // @ts-expect-error the schema yields a string
    tool('a', { input: z.string() }, (n: number) => n);
  });
});

describe('the output of a tool', () => {
  it('is what its work amounts to, in every form', () => {
    expectTypeOf(tool('a', {}, () => 'x')).toEqualTypeOf<Tool<unknown, string, string>>();
    expectTypeOf(tool('a', {}, async () => 1)).toEqualTypeOf<Tool<unknown, number, number>>();
    expectTypeOf(tool('a', {}, () => of(1))).toEqualTypeOf<Tool<unknown, number[], number>>();
    expectTypeOf(tool('a', {}, () => [1])).toEqualTypeOf<Tool<unknown, number[], number[]>>();
    const tokens = tool('tokens', {}, async function* (n: number) {
      yield String(n);
    });
    expectTypeOf(tokens).toEqualTypeOf<Tool<number, string[], string>>();
    expectTypeOf(tool('a', {}, () => new Subject<'x'>())).toEqualTypeOf<Tool<unknown, 'x'[], 'x'>>();
    expectTypeOf(tool('a', {}, () => foreign)).toEqualTypeOf<Tool<unknown, number[], number>>();
  });

  it("is a stream's last item where only that is kept, or undefined", () => {
    expectTypeOf(tool('a', { collect: 'last' }, () => of(1))).toEqualTypeOf<
      Tool<unknown, number | undefined, number>
    >();
    expectTypeOf(tool('a', { collect: 'all' }, () => of(1))).toEqualTypeOf<Tool<unknown, number[], number>>();
    expectTypeOf(tool('a', { collect: 'last' }, async () => [1])).toEqualTypeOf<Tool<unknown, number[], number[]>>();
    const output = z.string().transform(Number);
    expectTypeOf(tool('a', { output, collect: 'last' }, () => of('1'))).toEqualTypeOf<
      Tool<unknown, number | undefined, number>
    >();
  });

  it('is what its schema makes of it', () => {
    const output = z.string().transform((text) => text.length);
    expectTypeOf(tool('a', { output }, () => 'x')).toEqualTypeOf<Tool<unknown, number, number>>();
    expectTypeOf(tool('a', { output }, async () => 'x')).toEqualTypeOf<Tool<unknown, number, number>>();
    expectTypeOf(tool('a', { output }, (): Observable<string> => of('x'))).toEqualTypeOf<
      Tool<unknown, number[], number>
    >();
    expectTypeOf(tool('a', { input: z.number(), output }, (n) => String(n))).toEqualTypeOf<
      Tool<number, number, number>
    >();
    expectTypeOf(tool('a', { output: byHand }, (): unknown => 'x')).toEqualTypeOf<Tool<unknown, URL, URL>>();
  });
});

it('options of a tool that cannot be do not compile', () => {
  // @ts-expect-error no such kind
  tool('a', { kind: 'wrok' }, () => 1);
  // @ts-expect-error no such way to collect
  tool('a', { collect: 'first' }, () => 1);
  // @ts-expect-error no schema
  tool('a', { input: 'string' }, () => 1);
  // @ts-expect-error no schema
  tool('a', { output: 5 }, () => 1);
  // @ts-expect-error no schema
  tool('a', { input: z.string(), output: 5 }, () => 1);
  // @ts-expect-error no such option
  tool('a', { tiemout: '1s' }, () => 1);
  // @ts-expect-error no options
  tool('a', () => 1);
});

it('any tool will do where any is asked for', () => {
  expectTypeOf(tool('a', { input: z.string() }, (q) => q)).toExtend<AnyTool>();
  expectTypeOf<{ name: string }>().not.toExtend<AnyTool>();
});
