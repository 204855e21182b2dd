import {
  type Context,
  defineInterceptor,
  type Interceptor,
  Place,
  type Policies,
  pipelineFrom,
  type Report,
  type StageReport,
} from '@sluice/core';
import { leakLedger, type VirtualClock } from '@sluice/core/testing';
import { Observable, type Subscription } from 'rxjs';
import { afterEach, beforeEach } from 'vitest';
import { hang } from './workbench.test-kit.ts';

// What the acceptance tests of timeouts have in common.

/** Checks after each test of the file that nothing is left alive. */
export function nothingIsLeft(): void {
  let ledger = leakLedger();
  beforeEach(() => {
    ledger = leakLedger();
  });
  afterEach(() => ledger.assertEmpty());
}

/** Work that goes on for `ms`, whatever its signal says. */
export const deaf =
  <T>(clock: VirtualClock, ms: number, end: () => T): (() => Promise<T>) =>
  () =>
    new Promise<void>((resolve) => clock.schedule(ms, resolve)).then(end);

/** What stands for a pool at `Place.concurrency`: the work starts after so many milliseconds of waiting, each time. */
export const waiting = (...waits: readonly [number, ...number[]]): Interceptor => {
  let calls = 0;
  return defineInterceptor({
    name: 'waiting',
    priority: Place.concurrency,
    intercept: (call, next) =>
      new Observable((subscriber) => {
        let inside: Subscription | undefined;
        const ms = waits[Math.min(calls++, waits.length - 1)] as number;
        const cancel = call.clock.schedule(ms, () => {
          inside = next(call).subscribe(subscriber);
        });
        return () => {
          cancel();
          inside?.unsubscribe();
        };
      }),
  });
};

export type StageWork = (deps: Readonly<Record<string, unknown>>, context: Context) => unknown;

/** A stage of a graph from data: what it waits for, its policies, and its work. */
export interface GraphStage extends Policies {
  readonly needs?: readonly string[];
  readonly optional?: readonly string[];
  readonly work: StageWork;
}

/** A pipeline of any size. */
export function graph(
  stages: Readonly<Record<string, GraphStage>>,
  options: { readonly onFailure?: 'cancel' | 'continue' } = {},
) {
  const entries = Object.entries(stages);
  return pipelineFrom(
    {
      name: 'graph',
      ...options,
      stages: entries.map(([name, { work: _, ...rest }]) => ({ ...rest, name, use: name })),
    },
    { stages: Object.fromEntries(entries.map(([name, { work }]) => [name, work])) },
  );
}

export const stageOf = (report: Pick<Report, 'stages'>, name: string): StageReport =>
  report.stages[name] as StageReport;

/** The numbers from 0 up to, but not including, `length`, each made into something. */
export const times = <T>(length: number, make: (n: number) => T): T[] => Array.from({ length }, (_, n) => make(n));

/** Notes when, by whose signal and why hanging work is stopped, and in how many synchronous sweeps. */
export function witness(clock: VirtualClock) {
  const told: { name: string; at: number; reason: unknown }[] = [];
  const counted = { sweeps: 0, sweeping: false };
  const work = (_: unknown, { signal, name }: Context): Promise<never> => {
    signal.addEventListener('abort', () => {
      if (!counted.sweeping) {
        counted.sweeps++;
        counted.sweeping = true;
        queueMicrotask(() => {
          counted.sweeping = false;
        });
      }
      told.push({ name, at: clock.now(), reason: signal.reason });
    });
    return hang(signal);
  };
  return { work, told, counted };
}
