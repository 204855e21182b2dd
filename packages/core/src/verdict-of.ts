import { isSluiceError } from './errors/sluice-error.ts';
import type { Verdict } from './verdict.ts';

/** The verdict of what ended with `error`: an error of Sluice carries its own, any other is a failure. Never throws. */
export function verdictOf(error: unknown): Verdict {
  if (!isSluiceError(error)) return 'failed';
  try {
    return error.verdict ?? 'failed';
  } catch {
    return 'failed';
  }
}
