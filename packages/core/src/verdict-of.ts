import { isSluiceError } from './errors/sluice-error.ts';
import type { Verdict } from './verdict.ts';

/** The verdict of what ended with `error`: an error of Sluice carries its own, any other is a failure. */
export function verdictOf(error: unknown): Verdict {
  return isSluiceError(error) ? error.verdict : 'failed';
}
