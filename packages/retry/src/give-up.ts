/**
 * Why no further attempt is made:
 * - `attempts`: there were as many as there may be
 * - `error`: the error is not one that is tried again
 * - `nested`: a retry further in has given up on it
 * - `deadline`: the wait, or the attempt, would not fit into the deadline
 * - `retry-after`: the service asks for a longer wait than may be asked for
 * - `budget`: too many attempts have been made beside the first ones lately
 * - `emitted`: items of the stream have been handed on already
 * - `not-idempotent`: the work has begun, and must not be repeated
 * - `unsettled`: the work of the last attempt has not ended
 * - `fault`: a function of its user threw
 */
export type GiveUp =
  | 'attempts'
  | 'error'
  | 'nested'
  | 'deadline'
  | 'retry-after'
  | 'budget'
  | 'emitted'
  | 'not-idempotent'
  | 'unsettled'
  | 'fault';
