import { type Clock, systemClock } from '../clock.ts';
import type { Context } from '../context.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** What a scripted work can be told besides its main part. */
export interface StepExtras {
  /** How long until it happens, in milliseconds; at once unless set. */
  readonly after?: number;
  /** It pays no attention to its signal: it goes on to its end whatever happens. */
  readonly ignoreSignal?: boolean;
  /** It registers a cleanup handler that throws, that never ends, or that takes so many milliseconds. */
  readonly cleanup?: 'throws' | 'hangs' | number;
}

/** What a scripted work does in one attempt. */
export type Step = StepExtras &
  (
    | { readonly do: 'succeed'; readonly value?: unknown }
    | { readonly do: 'fail'; readonly error?: unknown }
    | { readonly do: 'hang' }
    | {
        readonly do: 'emit';
        readonly items: readonly unknown[];
        /** Milliseconds before each item; none unless set. */
        readonly every?: number;
        /** What follows the last item: the end unless set. */
        readonly then?: 'end' | 'hang' | 'fail';
        readonly error?: unknown;
      }
    | { readonly do: 'block'; readonly ms: number; readonly value?: unknown }
  );

/** What a scripted work is made with. */
export interface ScriptOptions {
  /** Where its time comes from; `systemClock` unless set. Only a virtual clock can `block`. */
  readonly clock?: Clock;
}

/** Work that does as it is told, and counts. */
export interface Scripted {
  (input?: unknown, context?: Context): unknown;
  /** How often it was started. */
  readonly calls: number;
  /** How many of these go on. */
  readonly running: number;
  /** How many went on at once, at most. */
  readonly peak: number;
  /** How many cleanup handlers have been started. */
  readonly cleaned: number;
}

/**
 * Makes work that does as it is told: its first attempt does the first step, and so on; the last step is repeated. It succeeds,
 * fails, hangs, emits, blocks the loop, pays attention to its signal or not, and can be bad at cleaning up.
 *
 * @example
 * ```ts
 * import { createRunner, tool } from '@sluice/core';
 * import { scripted, virtualClock } from '@sluice/core/testing';
 *
 * const clock = virtualClock();
 * const work = scripted([{ do: 'fail', error: new Error('not yet') }, { do: 'succeed', value: 42, after: 100 }], { clock });
 * const runner = createRunner({ clock });
 * const flaky = tool('flaky', {}, work);
 * await runner.call(flaky).catch(() => {});
 * console.assert((await clock.until(runner.call(flaky))) === 42);
 * console.assert(work.calls === 2);
 * ```
 */
export function scripted(steps: readonly [Step, ...Step[]], { clock = systemClock }: ScriptOptions = {}): Scripted {
  const counts = { calls: 0, running: 0, peak: 0, cleaned: 0 };
  const work = (_input?: unknown, context?: Context): unknown => {
    const step = steps[Math.min(counts.calls, steps.length - 1)] as Step;
    counts.calls++;
    counts.running++;
    counts.peak = Math.max(counts.peak, counts.running);
    const ended = (): void => {
      counts.running--;
    };
    if (step.cleanup !== undefined) {
      context?.onCleanup(() => {
        counts.cleaned++;
        return cleanup(step.cleanup, clock);
      });
    }
    if (step.do === 'emit') return emit(step, context, clock, ended);
    return perform(step, context, clock).finally(ended);
  };
  return Object.defineProperties(work, {
    calls: { get: () => counts.calls },
    running: { get: () => counts.running },
    peak: { get: () => counts.peak },
    cleaned: { get: () => counts.cleaned },
  }) as Scripted;
}

async function perform(
  step: Exclude<Step, { do: 'emit' }>,
  context: Context | undefined,
  clock: Clock,
): Promise<unknown> {
  const signal = step.ignoreSignal === true ? undefined : context?.signal;
  if (step.after !== undefined) await sleep(step.after, clock, signal);
  switch (step.do) {
    case 'succeed':
      return step.value;
    case 'fail':
      throw 'error' in step ? step.error : new Error('scripted failure');
    case 'block':
      (clock as VirtualClock).block(step.ms);
      return step.value;
    case 'hang':
      return sleep(Number.POSITIVE_INFINITY, clock, signal);
  }
}

async function* emit(
  step: Extract<Step, { do: 'emit' }>,
  context: Context | undefined,
  clock: Clock,
  ended: () => void,
): AsyncGenerator<unknown> {
  const signal = step.ignoreSignal === true ? undefined : context?.signal;
  try {
    if (step.after !== undefined) await sleep(step.after, clock, signal);
    for (const item of step.items) {
      if (step.every !== undefined) await sleep(step.every, clock, signal);
      yield item;
    }
    if (step.then === 'fail') throw 'error' in step ? step.error : new Error('scripted failure');
    if (step.then === 'hang') await sleep(Number.POSITIVE_INFINITY, clock, signal);
  } finally {
    ended();
  }
}

function cleanup(how: StepExtras['cleanup'], clock: Clock): unknown {
  if (how === 'throws') throw new Error('scripted cleanup failure');
  if (how === 'hangs') return new Promise(() => {});
  return sleep(how ?? 0, clock, undefined);
}

/** Waits; rejects with the signal's reason when it is aborted first. */
function sleep(ms: number, clock: Clock, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.schedule(ms, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    signal?.addEventListener('abort', stop, { once: true });
  });
}
