/** What is known of a status: it passes, it stays until the request is changed, or it stays as a rule. */
export type KnownStatus = 'passing' | 'permanent' | 'lasting';

/** The request was understood and refused, and the same one will be refused again. */
const PERMANENT: ReadonlySet<number> = new Set([
  400, 401, 402, 403, 404, 405, 406, 410, 411, 414, 415, 422, 431, 451, 501, 505,
]);

/** What is known of a status; undefined for one that is no failure, and says nothing of the one that there was. */
export function knownStatus(status: number): KnownStatus | undefined {
  if (status < 400) return undefined;
  if (PERMANENT.has(status)) return 'permanent';
  return status >= 500 || status === 408 || status === 425 || status === 429 ? 'passing' : 'lasting';
}
