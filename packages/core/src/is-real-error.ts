import { types } from 'node:util';

/** True for an Error that can be read without surprises, of this realm or another: not for a Proxy, which may throw at any touch. */
export function isRealError(value: unknown): value is Error {
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return false;
  return types.isNativeError(value) || value instanceof Error;
}
