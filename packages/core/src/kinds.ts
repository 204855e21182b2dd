import type { Kind } from './call.ts';
import type { Problems } from './problems.ts';

/** Every kind. */
export const KINDS: readonly Kind[] = ['transform', 'enrich', 'route', 'guard', 'work', 'agent'];

/** Notes a kind that there is not; undefined is none. */
export function checkKind(kind: unknown, path: string, problems: Problems): void {
  if (kind !== undefined && !(KINDS as readonly unknown[]).includes(kind)) {
    problems.add(path, `one of ${KINDS.join(', ')}`, kind);
  }
}
