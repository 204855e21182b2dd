import type { Kind } from './call.ts';
import { policiesOf } from './call-options.ts';
import type { Context } from './context.ts';
import { describe } from './describe.ts';
import { ConfigError } from './errors/config-error.ts';
import type { Policies } from './policies.ts';
import { Problems } from './problems.ts';
import type { LastOf } from './result.ts';
import { readStageOptions, STAGE_OPTIONS } from './stage-check.ts';

/** What a stage may be told wherever it is used, beside the policies of plugins. */
export interface StageTraits<C extends 'all' | 'last' = 'all' | 'last'> extends Policies {
  /** A label that policies can address. */
  readonly kind?: Kind | undefined;
  /** What a stream amounts to: the array of its items (the default), or its last item. */
  readonly collect?: C | undefined;
  /** False when it must not be repeated; true unless set. */
  readonly idempotent?: boolean | undefined;
}

declare const TYPES: unique symbol;

/** Work with what holds for it as a stage, to be used in pipelines. Immutable; made by {@link stage}. */
export interface Stage<Deps = never, Returned = unknown> {
  readonly kind: Kind | undefined;
  readonly idempotent: boolean;
  readonly collect: 'all' | 'last';
  /** For the type checker only. */
  readonly [TYPES]?: { readonly deps: (deps: Deps) => void; readonly returned: Returned } | undefined;
}

/** The work of a stage, whatever it takes and returns. */
export type StageFunction = (deps: never, context: Context) => unknown;

/** What core knows of a reusable stage. */
export interface StageFacts {
  readonly traits: StageTraits;
  readonly policies: Readonly<Record<string, unknown>> | undefined;
  readonly work: StageFunction;
}

const facts = new WeakMap<object, StageFacts>();

/**
 * Makes a stage that can be used in more than one pipeline: work, and what holds for it wherever it stands. What a pipeline says of
 * the stage comes on top, field by field.
 *
 * @example
 * ```ts
 * import { createRunner, pipeline, stage } from '@sluice/core';
 *
 * const shout = stage({ kind: 'transform' }, ({ input }: { input: string }) => input.toUpperCase());
 * const loud = pipeline<string>('loud').stage('shout', shout);
 * console.assert((await createRunner().run(loud, 'hey')).shout === 'HEY');
 * ```
 *
 * @see {@link pipeline}
 */
export function stage<Deps, R, C extends 'all' | 'last' = 'all'>(
  options: StageTraits<C>,
  work: (deps: Deps, context: Context) => R,
): Stage<Deps, C extends 'last' ? Promise<LastOf<R>> : R> {
  const problems = new Problems();
  const traits: StageTraits = readStageOptions(options, 'stage', [], problems);
  if (typeof work !== 'function') problems.add('stage: work', 'a function (deps, context) => result', work);
  problems.throwIfAny();
  const { kind, idempotent = true, collect = 'all' } = traits;
  const made = Object.freeze({ kind, idempotent, collect });
  facts.set(made, { traits, policies: policiesOf(traits, STAGE_OPTIONS), work });
  return made;
}

/** What core knows of a stage that {@link stage} has made; undefined for anything else. */
export function stageFacts(value: unknown): StageFacts | undefined {
  return typeof value === 'object' && value !== null ? facts.get(value) : undefined;
}

/** The function at the bottom of what was given as a stage's work. Throws for what is none. */
export function workOf(given: unknown): StageFunction {
  if (typeof given === 'function') return given as StageFunction;
  const made = stageFacts(given);
  if (made === undefined) throw new ConfigError(`expected a function or a stage, got ${describe(given)}`);
  return made.work;
}
