import { type BoundFacts, callInfo, HeartbeatLostError, type SluiceError, title } from '@sluice/core';

/** How much of what came with a heartbeat is told in the message. */
const TOLD = 100;

/** The error of work that was silent for too long: since when, what it said last, and how far the hard limit was. */
export function heartbeatError(silentMs: number | undefined, facts: BoundFacts): SluiceError {
  const { call, scope, limitMs, elapsedMs, partial, details, heartbeat } = facts;
  const { name } = call;
  const { attempt } = facts;
  const who = title(call);
  const said = heartbeat === undefined ? '' : `, with ${inShort(heartbeat)}`;
  const message =
    silentMs === undefined
      ? `${who} gave no sign of life for ${Math.round(elapsedMs)} ms; its heartbeat timeout is ${limitMs} ms`
      : `${who} was last heard from ${Math.round(silentMs)} ms ago${said}; its heartbeat timeout is ${limitMs} ms`;
  return new HeartbeatLostError(message, {
    call: { ...callInfo(call), attempt },
    scope,
    retryable: true,
    ...(partial === undefined ? {} : { partial }),
    remediation: remediation(name, silentMs, facts),
    details: Object.assign(details, { silentMs: silentMs ?? elapsedMs }),
  });
}

function remediation(name: string, silentMs: number | undefined, { limitMs, lagMs, running }: BoundFacts): string {
  if (!running) return `Raise heartbeat for "${name}" (${limitMs} ms): its work was not running.`;
  if (lagMs > limitMs) return `Look for what blocks the event loop: it was ${Math.round(lagMs)} ms late.`;
  if (silentMs === undefined) {
    return `Let "${name}" call ctx.heartbeat() more often than every ${limitMs} ms, or raise its heartbeat timeout; it never did.`;
  }
  return `Look at what "${name}" waits for after its last heartbeat, call ctx.heartbeat() more often, or raise its heartbeat timeout.`;
}

function inShort(value: unknown): string {
  try {
    const text = JSON.stringify(value) ?? String(value);
    return text.length > TOLD ? `${text.slice(0, TOLD)}…` : text;
  } catch {
    return 'details';
  }
}
