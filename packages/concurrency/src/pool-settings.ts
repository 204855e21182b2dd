import type { Call } from '@sluice/core';
import type { AdaptiveConcurrency } from './adaptive.ts';
import type { QueueOrder } from './wait-queue.ts';

/** How a pool goes about its limit. All times in milliseconds, `Infinity` for never. */
export interface PoolSettings extends QueueOrder {
  /** What was said later has the larger one, and holds. */
  readonly version: number;
  readonly limit: number;
  /** Where the limit is learned instead. */
  readonly adaptive: AdaptiveConcurrency | undefined;
}

/** What of a call decides when its turn is, and how much it takes. */
export interface Claim {
  /** Who goes first: the smaller, the sooner. */
  readonly priority: number;
  /** Whose share it counts against, where shares are kept. */
  readonly tenant: string | undefined;
  /** How many permits it takes. */
  readonly cost: number;
  /** Whether it must be alone. */
  readonly exclusive: boolean;
  readonly terms: Terms;
}

/** How a call waits, and for how long it keeps what it was given. */
export interface Terms {
  /** How many may wait before it. */
  readonly queueMax: number;
  /** How long it may wait. */
  readonly queueTimeout: number;
  /** Whether its permit is held until the work has really ended, or only until the verdict. */
  readonly release: 'settled' | 'verdict';
  /** How long its work may keep the permit when it goes on after the verdict. */
  readonly orphanLease: number;
}

/** What a call asks for. May throw what a function of its user throws. */
export type ClaimOf = (call: Call) => Claim;
