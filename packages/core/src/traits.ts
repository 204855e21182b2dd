/**
 * What the order check knows about an interceptor: what role it plays, and the numbers that decide whether it fits with the
 * others. All times are in milliseconds, `Infinity` for none.
 */
export type Traits = CommonTraits &
  (
    | { readonly role: 'total' | 'heartbeat'; readonly limit: number }
    | { readonly role: 'attempt'; readonly limit: number; readonly soft?: number }
    | RetryTraits
    | { readonly role: 'breaker'; readonly window: number; readonly countsLocal?: boolean }
    | { readonly role: 'concurrency' | 'rate'; readonly queues: boolean; readonly queueTimeout?: number }
    | { readonly role: 'fallback' | 'other' }
  );

/** What any interceptor may say of itself. */
export interface CommonTraits {
  /** It keeps state between calls, so one instance must not stand in a stack twice. */
  readonly stateful?: boolean;
  /** The options object that it was made from, when several interceptors were. */
  readonly origin?: object;
}

/** What a retry says of itself. */
export interface RetryTraits {
  readonly role: 'retry';
  /** Attempts in all; `Infinity` for no limit. */
  readonly attempts: number;
  /** The longest that all waits together can be. */
  readonly longestWait: number;
  /** It has been told to repeat what has begun, whatever its target says. */
  readonly repeatsBegun?: boolean;
  /** It repeats local rejections such as an open circuit. */
  readonly repeatsLocal?: boolean;
  /** It repeats an error on which a nested retry has given up. */
  readonly repeatsExhausted?: boolean;
}
