import type { Invocation } from './invocation.ts';
import type { Outcome } from './verdict.ts';

/** What an interceptor asked to be told of one run of what is inside it. A list through the hooks themselves, innermost first. */
export interface Hook {
  /** The level of the interceptor that asked. */
  readonly level: number;
  readonly onEnd: ((outcome: Outcome) => void) | null;
  readonly onSettled: (() => void) | null;
  readonly next: Hook | null;
}

/** Whether any of them wants to know how it ended, and so how long it took. */
export function wantsOutcome(hooks: Hook | null): boolean {
  for (let hook = hooks; hook !== null; hook = hook.next) if (hook.onEnd !== null) return true;
  return false;
}

/** Tells each how it ended. One that throws is reported and harms no other. */
export function tellEnd(hooks: Hook | null, outcome: Outcome, root: Invocation): void {
  for (let hook = hooks; hook !== null; hook = hook.next) {
    try {
      hook.onEnd?.(outcome);
    } catch (thrown) {
      root.hookThrew(hook.level, thrown);
    }
  }
}

/** Tells each that it has really ended. One that throws is reported and harms no other. */
export function tellSettled(hooks: Hook | null, root: Invocation): void {
  for (let hook = hooks; hook !== null; hook = hook.next) {
    try {
      hook.onSettled?.();
    } catch (thrown) {
      root.hookThrew(hook.level, thrown);
    }
  }
}
