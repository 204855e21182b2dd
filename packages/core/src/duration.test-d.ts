import { expectTypeOf, it } from 'vitest';
import { type Duration, parseDuration } from './duration.ts';

it('a duration is a number, text with a unit, or none', () => {
  expectTypeOf<0 | 1.5 | '250ms' | '30s' | '1.5m' | '1h' | '1d' | 'none'>().toExtend<Duration>();
  expectTypeOf<number>().toExtend<Duration>();
  expectTypeOf<`${number}s`>().toExtend<Duration>();
});

it('a duration is nothing else', () => {
  expectTypeOf<'soon'>().not.toExtend<Duration>();
  expectTypeOf<'5'>().not.toExtend<Duration>();
  expectTypeOf<'5sec'>().not.toExtend<Duration>();
  expectTypeOf<string>().not.toExtend<Duration>();
  expectTypeOf<undefined>().not.toExtend<Duration>();
  // @ts-expect-error a word is no duration
  const word: Duration = 'soon';
  expectTypeOf(word).toExtend<Duration>();
});

it('what is parsed may come from anywhere, and is milliseconds', () => {
  expectTypeOf(parseDuration).parameters.toEqualTypeOf<[value: unknown, path: string]>();
  expectTypeOf(parseDuration).returns.toEqualTypeOf<number>();
});
