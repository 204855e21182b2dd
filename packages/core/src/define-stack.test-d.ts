import { expectTypeOf, it } from 'vitest';
import { defineStack, type JsonSchema, type StackData, stackSchema } from './define-stack.ts';
import { defineInterceptor, type Interceptor, type Plugin } from './interceptor.ts';
import { createRunner } from './runner.ts';
import type { Stack } from './stack.ts';
import type { SchemaInput, SchemaOutput } from './standard-schema.ts';

declare const one: Interceptor;
const typed = ({ limit = 1 }: { limit?: number } = {}): Interceptor => (limit > 0 ? one : defineInterceptor(one));
const several = (): Plugin => [one];
const described = Object.assign(() => one, { schema: { type: 'object' } });
const plugins = { typed, several, described };

it('a stack from data is a stack', () => {
  const made = defineStack(plugins, { interceptors: { typed: { limit: 1 } }, acknowledge: ['a'] });
  expectTypeOf(made).toEqualTypeOf<Stack>();
  createRunner({ use: made });
});

it('the options of a plugin are data, of which the types know nothing', () => {
  defineStack(plugins, { interceptors: { typed: 'whatever', several: [true, 'none'] } });
  expectTypeOf<StackData['interceptors']>().toEqualTypeOf<Readonly<Record<string, unknown>>>();
});

it('what cannot be does not compile', () => {
  // @ts-expect-error no interceptors
  defineStack(plugins, {});
  // @ts-expect-error no such key
  defineStack(plugins, { interceptors: {}, acknowlegde: [] });
  // @ts-expect-error codes are texts
  defineStack(plugins, { interceptors: {}, acknowledge: [5] });
  // @ts-expect-error an interceptor is no factory of one
  defineStack({ one }, { interceptors: {} });
  // @ts-expect-error what is acknowledged is a part of the data
  defineStack(plugins, { interceptors: {} }, { acknowledge: [] });
});

it('a schema takes data and yields a stack', () => {
  const schema = stackSchema(plugins);
  expectTypeOf<SchemaInput<typeof schema>>().toEqualTypeOf<StackData>();
  expectTypeOf<SchemaOutput<typeof schema>>().toEqualTypeOf<Stack>();
  expectTypeOf(schema.jsonSchema).toEqualTypeOf<JsonSchema>();
});
