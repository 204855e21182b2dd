import type { Explanation } from './explain.ts';
import type { AnyPipeline } from './pipeline.ts';
import type { AnyTool } from './tool.ts';

/** What can explain itself: a stack or a runner. */
export interface Explainable {
  explain(target?: AnyTool | AnyPipeline, stage?: string): Explanation;
}

/**
 * The resolved chain, outermost first: place, priority, name, and every option with where its value came from; and what the order
 * check finds. `text` is for people, the rest for programs.
 *
 * @example
 * ```ts
 * import { defineInterceptor, explain, Place, stack } from '@sluice/core';
 *
 * const audit = defineInterceptor({ name: 'audit', priority: Place.observe, intercept: (call, next) => next(call) });
 * const { text, entries } = explain(stack([audit]));
 * console.assert(entries[0]?.place === 'observe' && text.includes('audit'));
 * ```
 */
export function explain(stackOrRunner: Explainable, target?: AnyTool | AnyPipeline, stage?: string): Explanation {
  return stackOrRunner.explain(target, stage);
}
