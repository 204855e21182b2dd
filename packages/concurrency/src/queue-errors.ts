import {
  type Call,
  callInfo,
  QueueFullError,
  QueueTimeoutError,
  type SluiceError,
  type SluiceErrorInit,
  scopeOf,
  title,
} from '@sluice/core';

/** The queue holds as many as it may. */
export function queueFull(
  call: Call,
  pool: string,
  depth: number,
  limit: number,
  waitMs: number | undefined,
): SluiceError {
  return new QueueFullError(`${title(call)} was refused: ${fullness(depth, pool)}`, {
    ...about(call),
    details: { pool, depth, limit },
    ...(waitMs === undefined ? {} : { retryAfterMs: Math.ceil(waitMs) }),
    remediation: 'Send less at once, raise the limit, or make queue.max larger.',
  });
}

/** How full a pool is for which no more may wait. */
function fullness(depth: number, pool: string): string {
  if (depth === 0) return `pool "${pool}" is full, and none may wait for it`;
  return `${depth === 1 ? '1 call waits' : `${depth} calls wait`} for pool "${pool}" already, the most that may`;
}

/** It has waited for as long as it may. */
export function queueTimedOut(
  call: Call,
  pool: string,
  waitedMs: number,
  timeoutMs: number,
  depth: number,
): SluiceError {
  return new QueueTimeoutError(
    `${title(call)} waited ${Math.round(timeoutMs)} ms for its turn in pool "${pool}", its queue timeout`,
    {
      ...about(call),
      details: { pool, waitedMs, timeoutMs, depth },
      remediation: 'Raise the limit or queue.timeout, or send less at once.',
    },
  );
}

/** Its turn would come after its deadline. */
export function queueHopeless(call: Call, pool: string, waitMs: number, leftMs: number, depth: number): SluiceError {
  const wait = Math.round(waitMs);
  const left = Math.round(leftMs);
  return new QueueTimeoutError(
    `${title(call)} was refused: its turn in pool "${pool}" would come in about ${wait} ms, and its deadline is in ${left} ms`,
    {
      ...about(call),
      details: { pool, predictedMs: waitMs, leftMs, depth },
      retryAfterMs: Math.ceil(Math.max(0, waitMs - leftMs)),
      remediation: 'Raise the limit, send less at once, or give it a later deadline.',
    },
  );
}

function about(call: Call): SluiceErrorInit {
  return { call: callInfo(call), scope: scopeOf(call) };
}

/** There are as many inside as may be. */
export function turnedAway(call: Call, inside: number): SluiceError {
  return new QueueFullError(
    `${title(call)} was turned away: ${inside === 1 ? '1 call is' : `${inside} calls are`} under way already, the most that may be`,
    {
      ...about(call),
      details: { inside },
      remediation: 'Send less at once, raise admission.max, or send it elsewhere.',
    },
  );
}

/** It had not begun, and one that is preferred came. */
export function shedFor(call: Call, preferred: Call): SluiceError {
  return new QueueFullError(
    `${title(call)} had to make room for ${preferred.target} "${preferred.name}", which is preferred`,
    {
      ...about(call),
      details: { priority: call.priority, preferred: preferred.priority },
      remediation: 'Send less at once, raise admission.max, or send it elsewhere.',
    },
  );
}
