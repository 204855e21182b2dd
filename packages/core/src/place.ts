/**
 * Where an interceptor stands in the chain, by name: the larger, the further in, the nearer to the work. Ten apart, so that
 * your own fit between: `priority: Place.retry + 1`.
 *
 * | place | who stands there | why there |
 * | --- | --- | --- |
 * | `observe` | logging, tracing, metrics | sees the whole call |
 * | `fallback` | a value in place of the final failure | outside everything that may still help |
 * | `idempotency` | one result per key | a duplicate costs nothing inside |
 * | `total` | the deadline of the whole call | bounds waits and retries as well |
 * | `admission` | load shedding | refuses before anything is spent |
 * | `retry` | repeating | everything inside happens once per attempt |
 * | `breaker` | the circuit breaker | sees each real attempt and its timeout |
 * | `rate` | rate limits | an open circuit spends no quota; each attempt pays |
 * | `concurrency` | permits | no permit is held while a retry sleeps |
 * | `attempt` | the deadline and heartbeat of one attempt | its clock starts when the work starts, not while it queues |
 * | `chaos` | fault injection | nearest to the work |
 *
 * @example
 * ```ts
 * import { defineInterceptor, Place } from '@sluice/core';
 *
 * const quiet = defineInterceptor({ name: 'quiet', priority: Place.retry + 1, intercept: (call, next) => next(call) });
 * console.assert(quiet.priority === 51);
 * ```
 */
export const Place = {
  observe: 0,
  fallback: 10,
  idempotency: 20,
  total: 30,
  admission: 40,
  retry: 50,
  breaker: 60,
  rate: 70,
  concurrency: 80,
  attempt: 90,
  chaos: 100,
} as const;

/** The name of the place at `priority`, or the nearest one outside it with the distance: `retry+1`. */
export function placeName(priority: number): string {
  let name = 'observe';
  let base: number = Place.observe;
  for (const [candidate, value] of Object.entries(Place)) {
    if (value <= priority && value >= base) {
      name = candidate;
      base = value;
    }
  }
  if (priority === base) return name;
  return priority > base ? `${name}+${priority - base}` : `${name}${priority - base}`;
}
