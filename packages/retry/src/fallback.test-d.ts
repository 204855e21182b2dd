import { createRunner, pipeline, stack, tool, wrap } from '@sluice/core';
import { from } from 'rxjs';
import { expectTypeOf, it } from 'vitest';
import { fallback, idempotency, retry } from './index.ts';

const load = async (_id: string): Promise<number> => 1;

it('a wrapped function may answer what is given in its place', () => {
  expectTypeOf(wrap(load, fallback(null))).toEqualTypeOf<(_id: string) => Promise<number | null>>();
  expectTypeOf(
    wrap(
      load,
      fallback(async () => 'text'),
    ),
  ).returns.resolves.toEqualTypeOf<number | string>();
  expectTypeOf(
    wrap(
      load,
      fallback(() => from(['a'])),
    ),
  ).returns.resolves.toEqualTypeOf<number | string[]>();
  expectTypeOf(wrap(load, retry(3), fallback([async () => 'text', null]))).returns.resolves.toEqualTypeOf<
    number | string | null
  >();
  expectTypeOf(wrap(load, fallback([] as number[]))).returns.resolves.toEqualTypeOf<number | number[]>();
});

it('idempotency changes no type', () => {
  expectTypeOf(wrap(load, idempotency())).toEqualTypeOf<(_id: string) => Promise<number>>();
});

it('a runner does not know what its stack gives: it must be of the type of the result', () => {
  const runner = createRunner({ use: [fallback(0)] });
  const count = tool('count', {}, async (_: { q: string }) => 1);
  expectTypeOf(runner.call(count, { q: 'a' })).resolves.toEqualTypeOf<number>();
  const shape = pipeline('p').stage('count', async () => 1);
  expectTypeOf(runner.run(shape)).resolves.toEqualTypeOf<{ readonly count: number } | { count: number }>;
});

it('its options are typed', () => {
  fallback(0, { on: (error) => error instanceof RangeError });
  // @ts-expect-error: an unknown option
  fallback(0, { onn: () => true });
  // @ts-expect-error: no classifier
  fallback(0, { on: 503 });
  // @ts-expect-error: no rules
  fallback(0, { tools: { pay: 5 } });
  // @ts-expect-error: neither of the two
  idempotency({ onMismatch: 'ignore' });
  // @ts-expect-error: no store
  idempotency({ store: new Map() });
  // @ts-expect-error: no key
  idempotency({ key: 5 });
  expectTypeOf(stack([fallback(0), idempotency()])).not.toBeAny();
  tool('pay', { idempotency: 'k', fallback: { to: 'later' } }, async () => 'paid');
  // @ts-expect-error: a fallback is said as rules
  tool('pay', { fallback: 5 }, async () => 'paid');
});
