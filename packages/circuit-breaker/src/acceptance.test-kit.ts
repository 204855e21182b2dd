import { createRunner, type Runner, type RunnerOptions, type SluiceError, type SluiceEvent } from '@sluice/core';
import { leakLedger, type VirtualClock, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, expect } from 'vitest';

// What the acceptance tests of circuits have in common.

/** A runner on a virtual clock, all of whose events are kept. */
export interface Bench {
  readonly clock: VirtualClock;
  readonly runner: Runner;
  readonly events: readonly SluiceEvent[];
  /** The events of one type. */
  of<T extends SluiceEvent['type']>(type: T): Extract<SluiceEvent, { readonly type: T }>[];
}

export function bench(options: RunnerOptions = {}, clock: VirtualClock = virtualClock()): Bench {
  const runner = createRunner({ clock, logger: silent, ...options });
  const events: SluiceEvent[] = [];
  runner.events$.subscribe((event) => events.push(event));
  return {
    clock,
    runner,
    events,
    of: <T extends SluiceEvent['type']>(type: T) =>
      events.filter((event): event is Extract<SluiceEvent, { readonly type: T }> => event.type === type),
  };
}

/** A logger that says nothing. */
export const silent = { debug(): void {}, info(): void {}, warn(): void {}, error(): void {} };

/** A logger that keeps its lines, each as `level: message`. */
export function keeping(): { readonly lines: string[]; readonly logger: typeof silent } {
  const lines: string[] = [];
  const at = (level: string) => (_facts: unknown, message: unknown) => void lines.push(`${level}: ${String(message)}`);
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  return { lines, logger: logger as never };
}

/** Checks after each test of the file that nothing is left alive. */
export function nothingIsLeft(): void {
  let ledger = leakLedger();
  beforeEach(() => {
    ledger = leakLedger();
  });
  afterEach(() => ledger.assertEmpty());
}

export const sleep = (clock: VirtualClock, ms: number): Promise<void> =>
  new Promise((resolve) => clock.schedule(ms, resolve));

/** Never ends by itself, but when it is told to. */
export const hang = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

/** What a call or a run fails with. */
export const failure = (call: PromiseLike<unknown>): Promise<SluiceError> =>
  Promise.resolve(call).then(
    () => expect.unreachable('it should have failed'),
    (error: SluiceError) => error,
  );

/** How a call ends, in a word: its value, or the code, or the message, of its error. */
export const ending = (call: PromiseLike<unknown>): Promise<string> =>
  Promise.resolve(call).then(
    (value) => String(value),
    ({ code, message }: { readonly code?: string; readonly message: string }) => code ?? message,
  );

/** The numbers from 0 up to, but not including, `length`, each made into something. */
export const times = <T>(length: number, make: (n: number) => T): T[] => Array.from({ length }, (_, n) => make(n));
