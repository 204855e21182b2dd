import { isSluiceError } from './errors/sluice-error.ts';
import { messageOf } from './message-of.ts';

/** Any error in one line for people: its message, and for an error of Sluice that of its cause, unless it is in there already. */
export function inWords(error: unknown): string {
  const message = messageOf(error);
  const cause = causeOf(error);
  return cause === undefined || message.includes(cause) ? message : `${message}: ${cause}`;
}

function causeOf(error: unknown): string | undefined {
  try {
    return isSluiceError(error) && error.cause !== undefined ? messageOf(error.cause) : undefined;
  } catch {
    return undefined;
  }
}
