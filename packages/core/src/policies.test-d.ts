import { expectTypeOf, it } from 'vitest';
import type { CallOptions } from './call-options.ts';
import { createRunner } from './runner.ts';
import { type ExecuteOptions, stack } from './stack.ts';
import { type ToolOptions, tool } from './tool.ts';
import type { WrapOptions } from './wrap.ts';

type Patience = 'low' | 'high' | 'none';

// What a plugin does to '@sluice/core', as seen from inside it.
declare module './policies.ts' {
  interface Policies {
    patienceOfThisTest?: Patience | undefined;
  }
}

const runner = createRunner();
const now = tool('now', { patienceOfThisTest: 'low' }, () => 1);

it('what a plugin adds to Policies may be said of every target and every call', () => {
  expectTypeOf<ToolOptions['patienceOfThisTest']>().toEqualTypeOf<Patience | undefined>();
  expectTypeOf<WrapOptions['patienceOfThisTest']>().toEqualTypeOf<Patience | undefined>();
  expectTypeOf<CallOptions['patienceOfThisTest']>().toEqualTypeOf<Patience | undefined>();
  expectTypeOf<ExecuteOptions['patienceOfThisTest']>().toEqualTypeOf<Patience | undefined>();
  runner.call(now, undefined, { patienceOfThisTest: 'none' });
  runner.wrap(() => 1, { patienceOfThisTest: undefined });
  stack([]).execute(() => 1, { patienceOfThisTest: 'high' });
});

it('and nothing else than it says', () => {
  // @ts-expect-error no such patience
  tool('a', { patienceOfThisTest: 'much' }, () => 1);
  // @ts-expect-error no such patience
  runner.call(now, undefined, { patienceOfThisTest: 5 });
  // @ts-expect-error no plugin has added this
  runner.wrap(() => 1, { patienceOfNoTest: 'low' });
});
