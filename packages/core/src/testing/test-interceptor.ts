import { map } from 'rxjs';
import type { SluiceEvent } from '../events.ts';
import { defineInterceptor, type Interceptor, type Plugin } from '../interceptor.ts';
import { createRunner } from '../runner.ts';
import { CONFORMANCE_RULES, type ConformanceRule } from './conformance-rules.ts';
import { leakLedger } from './leak-ledger.ts';
import { virtualClock } from './virtual-clock.ts';

/** Makes the plugin under test, anew for each check. */
export type InterceptorFactory = () => Plugin;

/** Whether one rule was kept in one surrounding. */
export interface RuleResult {
  readonly rule: string;
  /** What stood around the interceptor: nothing, built-in neighbours, or a stranger's RxJS operators. */
  readonly among: string;
  /** What is wrong; undefined when the rule was kept. */
  readonly broken?: string;
}

/** What {@link testInterceptor} has checked. */
export interface ConformanceReport {
  readonly results: readonly RuleResult[];
}

/**
 * Checks that an interceptor keeps the rules that all interceptors keep: alone, between built-in neighbours, and between plain RxJS
 * operators of a stranger, whatever form the work has, and that it leaves nothing behind. Rejects with everything that is broken.
 *
 * It needs no test framework: await it inside a test of any.
 *
 * @example
 * ```ts
 * import { defineInterceptor, Place } from '@sluice/core';
 * import { testInterceptor } from '@sluice/core/testing';
 * import { retry } from 'rxjs';
 *
 * await testInterceptor(() =>
 *   defineInterceptor({ name: 'twice', priority: Place.retry, intercept: (call, next) => next(call).pipe(retry(1)) }),
 * );
 * ```
 */
export async function testInterceptor(factory: InterceptorFactory): Promise<ConformanceReport> {
  const results: RuleResult[] = [];
  for (const [among, around] of Object.entries(SURROUNDINGS)) {
    for (const rule of CONFORMANCE_RULES) {
      const broken = await checkRule(rule, factory, around);
      results.push({ rule: rule.rule, among, ...(broken === undefined ? {} : { broken }) });
    }
  }
  const broken = results.filter((result) => result.broken !== undefined);
  if (broken.length === 0) return { results };
  const lines = broken.map(({ rule, among, broken: what }) => `- ${rule} (${among}): ${what}`);
  throw new Error(`The interceptor breaks ${broken.length} of ${results.length} rules:\n${lines.join('\n')}`);
}

/** Answers what is wrong; undefined when the rule was kept and nothing was left behind. */
async function checkRule(
  { check }: ConformanceRule,
  factory: InterceptorFactory,
  around: (tested: readonly Interceptor[]) => Interceptor[],
): Promise<string | undefined> {
  const ledger = leakLedger();
  const clock = virtualClock();
  const tested = [factory()].flat();
  const runner = createRunner({ use: around(tested), clock, logger: SILENT });
  const events: SluiceEvent[] = [];
  const subscription = runner.events$.subscribe((event) => events.push(event));
  try {
    await check({ runner, clock, events, names: tested.map(({ name }) => name) });
    await clock.runAll();
    ledger.assertEmpty();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    subscription.unsubscribe();
  }
}

const SURROUNDINGS: Readonly<Record<string, (tested: readonly Interceptor[]) => Interceptor[]>> = {
  alone: (tested) => [...tested],
  'between built-in neighbours': (tested) =>
    surround(tested, (name, priority) => defineInterceptor({ name, priority, intercept: (call, next) => next(call) })),
  'between RxJS operators of a stranger': (tested) =>
    surround(tested, (name, priority) =>
      defineInterceptor({ name, priority, intercept: (call, next) => next(call).pipe(map((value) => value)) }),
    ),
};

/** Puts a neighbour outside and one inside everything. */
function surround(
  tested: readonly Interceptor[],
  neighbour: (name: string, priority: number) => Interceptor,
): Interceptor[] {
  const priorities = tested.map(({ priority }) => priority);
  return [
    neighbour('(outside)', Math.min(...priorities) - 1),
    ...tested,
    neighbour('(inside)', Math.max(...priorities) + 1),
  ];
}

const SILENT = { debug(): void {}, info(): void {}, warn(): void {}, error(): void {} };
