import { messageOf } from './message-of.ts';
import type { Problems } from './problems.ts';

/**
 * The fields of an options object, each read once; undefined, and noted, for what is none. A Map, a promise, a date or an instance of
 * a class would say nothing, silently; what throws when it is read is told by its name.
 */
export function readPlain(
  value: unknown,
  path: string,
  problems: Problems,
  expected = 'a plain object',
): Readonly<Record<string, unknown>> | undefined {
  const whole = path === '' ? 'options' : path;
  const plain = reading(whole, problems, () => isPlain(value));
  if (plain === false) problems.add(whole, expected, value);
  if (plain !== true) return undefined;
  const fields: Record<string, unknown> = {};
  for (const key of reading(whole, problems, () => Object.keys(value as object)) ?? []) {
    const field = reading(path === '' ? key : `${path}.${key}`, problems, () => [
      (value as Record<string, unknown>)[key],
    ]);
    // So that a field called `__proto__` is only a field.
    if (field !== undefined) Object.defineProperty(fields, key, { value: field[0], enumerable: true, writable: true });
  }
  return fields;
}

/** How long a list may be. */
const LONGEST = 1_000_000;

/** The members of a list, each read once; undefined, and noted, for what is none. A hole in it is a member that is undefined. */
export function readList(
  value: unknown,
  path: string,
  problems: Problems,
  expected: string,
): readonly unknown[] | undefined {
  const list = reading(path, problems, () => (Array.isArray(value) ? membersOf(value) : false));
  if (list === false) problems.add(path, expected, value);
  return list === false ? undefined : list;
}

/** By index, for what an array says of its own iteration is not what is in it. */
function membersOf(list: readonly unknown[]): unknown[] {
  const { length } = list;
  if (length > LONGEST) throw new RangeError(`it has ${length} members, which are more than ${LONGEST}`);
  const members: unknown[] = [];
  for (let index = 0; index < length; index++) members.push(list[index]);
  return members;
}

/** Whether `value` is an array. Never throws: a Proxy that was revoked is none. */
export function isList(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** Whether `value` is an object of nobody's class. Never throws. */
export function isPlainObject(value: unknown): value is object {
  try {
    return isPlain(value);
  } catch {
    return false;
  }
}

function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** What `read` answers; undefined, and noted, when it throws. */
function reading<T>(path: string, problems: Problems, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    problems.say(path, `could not be read: ${messageOf(error)}`);
    return undefined;
  }
}
