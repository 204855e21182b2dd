import { type Call, CircuitOpenError, callInfo, scopeOf, title } from '@sluice/core';
import type { CircuitRefusal } from './circuit-refusal.ts';

/** The error of a call that a circuit refuses: why it does, and when to come back. */
export function circuitOpen(
  call: Call,
  circuit: string,
  { state, because }: CircuitRefusal,
  retryAfterMs: number | undefined,
): CircuitOpenError {
  const when = retryAfterMs === undefined ? 'until it is reset' : `try again in ${waitInWords(retryAfterMs)}`;
  return new CircuitOpenError(`${title(call)} was refused: circuit "${circuit}" is ${state}: ${because}; ${when}`, {
    call: callInfo(call),
    scope: scopeOf(call),
    retryAfterMs,
    details: { circuit, state, because },
    remediation:
      retryAfterMs === undefined
        ? 'Somebody has isolated it: reset() its circuit when its target may be called again.'
        : 'Wait for retryAfterMs, and see why the target has been failing.',
  });
}

/** Whole numbers, and never too short. */
function waitInWords(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${Math.ceil(ms / 1_000)} s`;
}
