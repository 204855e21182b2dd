import { describe } from './describe.ts';
import { isSluiceError } from './errors/sluice-error.ts';
import { isRealError } from './is-real-error.ts';

/**
 * The message of anything that was thrown; where it has none that can be read, what it is. Never throws.
 *
 * @example
 * ```ts
 * import { messageOf } from '@sluice/core';
 *
 * console.assert(messageOf(new Error('disk full')) === 'disk full');
 * console.assert(messageOf(undefined) === 'undefined');
 * ```
 */
export function messageOf(error: unknown): string {
  try {
    if (isRealError(error) || isSluiceError(error)) {
      const { message } = error;
      if (typeof message === 'string') return message;
    }
  } catch {
    // A message that cannot be read is none.
  }
  return describe(error);
}
