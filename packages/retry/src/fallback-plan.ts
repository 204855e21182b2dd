import type { FallbackFields, FallbackStep } from './fallback-options.ts';

/** What a fallback has seen. */
export interface FallbackStats {
  /** How often something was given in place of a result. */
  readonly used: number;
  /** How often all that was tried in place of a result failed as well. */
  readonly failed: number;
}

/** What the rules of one target amount to. */
export interface FallbackPlan {
  readonly steps: readonly FallbackStep[];
  readonly on: FallbackFields['on'];
  readonly counts: { used: number; failed: number };
  /** What the plugin is called. */
  readonly name: string;
}
