import type { Handle } from './flow.ts';

/** A part of a call that is under way: what a deadline, or somebody's hooks, stand around. */
export interface Part extends Handle {
  partBefore: Part | null;
  partAfter: Part | null;
}
