import { type Account, account } from '../ledger.ts';

/** What is alive now that was not when the ledger was opened. */
export interface LeakLedger {
  /** What is left, by kind; empty when nothing is. */
  left(): Partial<Record<keyof Account, number>>;
  /** Throws, naming what is left, unless that is nothing. */
  assertEmpty(): void;
}

const NAMES: Readonly<Record<keyof Account, string>> = {
  runs: 'runs that have not settled',
  calls: 'calls that have not settled',
  works: 'works that have not settled',
  timers: 'timers that are armed',
  scheduled: 'things scheduled on a virtual clock',
  listeners: 'listeners on outer signals',
  subscriptions: 'subscriptions that are open',
};

/**
 * Opens a ledger of everything that core has alive in this process: whatever is begun after this must have ended when
 * `assertEmpty()` is called. Use one for each test.
 *
 * @example
 * ```ts
 * import { wrap } from '@sluice/core';
 * import { leakLedger } from '@sluice/core/testing';
 *
 * const ledger = leakLedger();
 * await wrap(async () => 'done')();
 * ledger.assertEmpty();
 * ```
 */
export function leakLedger(): LeakLedger {
  const before = { ...account };
  const left = (): Partial<Record<keyof Account, number>> => {
    const entries = Object.entries(account).map(
      ([kind, count]) => [kind, count - before[kind as keyof Account]] as const,
    );
    return Object.fromEntries(entries.filter(([, count]) => count !== 0));
  };
  return {
    left,
    assertEmpty() {
      const lines = Object.entries(left()).map(([kind, count]) => `${count} ${NAMES[kind as keyof Account]}`);
      if (lines.length > 0) throw new Error(`Something is left: ${lines.join(', ')}`);
    },
  };
}
