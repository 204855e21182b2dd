import {
  type Call,
  driveNext,
  type Handle,
  InterceptorError,
  type Next,
  type Sink,
  statedIdempotencyKey,
} from '@sluice/core';
import { fingerprint } from './fingerprint.ts';
import type { IdempotencyFields } from './idempotency-options.ts';
import type { IdempotentCalls } from './idempotent-calls.ts';

/** Lets a call in as one of those that have its key; one that has none goes on by itself. */
export function enterByKey(
  calls: IdempotentCalls,
  rules: IdempotencyFields,
  call: Call,
  next: Next,
  sink: Sink,
): Handle | null {
  let key: string | undefined;
  let input: string;
  try {
    key = keyOf(call, rules);
    if (key === undefined) return driveNext(call, next, sink);
    if (call.target === 'function' && call.name === NAMELESS) throw new TypeError(UNTOLD);
    input = fingerprint(call.input);
  } catch (cause) {
    // Nothing has begun.
    sink.error(new InterceptorError(calls.name, 'could not tell which call it is', { cause }));
    return null;
  }
  // The length tells where the name ends, whatever is in it.
  const scoped = `${call.target}:${call.name.length}:${call.name}:${key}`;
  return calls.enter({ call, key, scoped, input, rules, next }, sink);
}

/** What functions without a name are called: as one, they would be given each other's results. */
const NAMELESS = 'function';
const UNTOLD = 'a function without a name cannot be told from others: give it one';

function keyOf(call: Call, { key }: IdempotencyFields): string | undefined {
  const found = typeof key === 'function' ? key(call) : (key ?? statedIdempotencyKey(call));
  if (found === undefined || (typeof found === 'string' && found !== '')) return found;
  // A promise is no key, and what it is rejected with is nobody else's to hear.
  if (found instanceof Promise) found.catch(() => {});
  throw new TypeError('key: expected a text that is not empty, or undefined for a call on its own');
}
