import type { Kind } from './call.ts';
import type { Context } from './context.ts';
import type { PolicyHints, PolicyOutput } from './policies.ts';
import type { LastOf, ResultOf } from './result.ts';
import type { Stage, StageTraits } from './stage.ts';

/** What the type checker knows of one stage of a pipeline. */
interface StageTypes {
  readonly output: unknown;
  readonly item: unknown;
}

/** What a stage's work is given first: the input of the run, and the outputs of the stages that it waits for. */
export type Deps<I, S, Needs extends keyof S, Optional extends keyof S> = {
  readonly [K in Needs | Optional | 'input']: K extends keyof S
    ? K extends Optional
      ? OutputIn<S, K> | undefined
      : OutputIn<S, K>
    : I;
};

type OutputIn<S, K extends keyof S> = S[K] extends StageTypes ? S[K]['output'] : unknown;

/** The work of a stage: a function, or a reusable stage. */
export type StageWork<D, R> = ((deps: D, context: Context) => R) | Stage<D, R>;

/** What a pipeline may say of one of its stages, beside the policies of plugins. */
export interface StageOptions<
  D = never,
  Needs extends string = string,
  Optional extends string = string,
  C extends 'all' | 'last' = 'all' | 'last',
  W = unknown,
> extends StageTraits<C> {
  /** The stages whose outputs it must have: it waits for them, and is skipped if one of them has none. */
  readonly needs?: readonly Needs[] | undefined;
  /** The stages that it waits for, but can do without: their outputs are undefined unless they ended well. */
  readonly optional?: readonly Optional[] | undefined;
  /** Whether it is to run at all; asked when it could start. Otherwise it is skipped, and so is what needs it. */
  readonly when?: ((deps: D) => W) | undefined;
  readonly kind?: Kind | undefined;
  /** An array is no options object, although all of these may be left out: it is short for `needs`, and checked as that. */
  readonly [Symbol.iterator]?: never;
}

/** The name of a stage that is new to a pipeline; anything else is told what is wrong with it. */
export type FreshName<N extends string, S> = N extends keyof S
  ? `There is a stage "${N}" already`
  : N extends 'input' | 'then' | '__proto__' | ''
    ? `No stage can be called "${N}"`
    : N;

/** The output of a stage whose work returns `R`, as its policies change it. */
export type StageOutput<R, C, H> = Hinted<C extends 'last' ? LastOf<R> : ResultOf<R>, H>;

/** A result `T`, as the policies `H` of whatever it is the result of change it. */
export type Hinted<T, H> = [keyof PolicyOutput<T, H>] extends [never]
  ? T
  : PolicyOutput<T, H>[keyof PolicyOutput<T, H>];

/** The policies of a stage, as far as they decide what it puts out. */
export type Hints<H> = PolicyHints<H>;

/**
 * The names of the stages that may be skipped although nothing goes wrong, with one more stage: one is if it has a `when`, or needs
 * one that is. Kept beside the map, so that the type checker need not walk back through the whole pipeline to know.
 */
export type Skippable<Skips extends string, N extends string, Needs, W> = [W] extends [never]
  ? [Extract<Needs, Skips>] extends [never]
    ? Skips
    : Skips | N
  : Skips | N;

/** What a run resolves to: the outputs by name, undefined for what may have been skipped. */
export type Outputs<S, Skips extends string> = {
  [K in keyof S]: K extends Skips ? OutputIn<S, K> | undefined : OutputIn<S, K>;
};

/** The items that each stage emits. */
export type Items<S> = { [K in keyof S]: S[K] extends StageTypes ? S[K]['item'] : unknown };
