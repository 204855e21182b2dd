import { matchesInside } from './inside.ts';
import { wordIn } from './marks.ts';

/** Codes of connections that never came about: nothing can have been sent. */
const NOT_CONNECTED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

const isNotConnected = (word: string): boolean => NOT_CONNECTED.has(word);

/** Whether an error, or one of its causes, says that nothing was sent: then even what must not be repeated may be tried again. */
export function nothingSent(error: unknown): boolean {
  return matchesInside(error, (part) => wordIn(part, isNotConnected) !== undefined);
}
