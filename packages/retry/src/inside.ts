import type { Marks } from './marks.ts';

/** How many causes deep an error is looked into. Chains that lead back to themselves have no end. */
export const DEPTH = 10;

/** How many members of an AggregateError are looked at. */
const MEMBERS = 16;

/** The members of an error that stands for several; undefined for one that does not. May throw what the error throws. */
export function membersOf(error: object): readonly unknown[] | undefined {
  const { errors } = error as Marks;
  if (!Array.isArray(errors) || errors.length === 0) return undefined;
  const members: unknown[] = [];
  for (let index = 0; index < errors.length && index < MEMBERS; index++) members.push(errors[index]);
  return members;
}

/**
 * Whether `test` holds for an error, for one of its causes, or for all members of the first of them that stands for several. What is no object, cannot
 * be read, or makes `test` throw, does not match. Never throws.
 */
export function matchesInside(error: unknown, test: (error: object) => boolean): boolean {
  return matches(error, test, true);
}

function matches(error: unknown, test: (error: object) => boolean, wide: boolean): boolean {
  let current = error;
  for (let depth = 0; depth < DEPTH && typeof current === 'object' && current !== null; depth++) {
    try {
      if (test(current)) return true;
      // A member that stands for several itself is not looked into, so that the work stays bounded.
      const members = wide ? membersOf(current) : undefined;
      if (members !== undefined) return members.every((member) => matches(member, test, false));
      current = (current as Marks)['cause'];
    } catch {
      return false;
    }
  }
  return false;
}
