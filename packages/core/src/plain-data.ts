import { types } from 'node:util';
import { describe } from './describe.ts';
import type { Problems } from './problems.ts';

/** How much of data from outside is looked at. */
const DEPTH = 16;
const VALUES = 10_000;
const TEXT = 10_000;

/** Keys that mean something else to JavaScript than to whoever wrote them. */
const HOSTILE: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * A copy of data from outside, in objects and arrays of our own: what JSON can say, and nothing else. What it cannot be is noted
 * with its path: functions, instances of classes, getters, keys such as `__proto__`, cycles, and what is too deep or too much.
 */
export function plainData(value: unknown, name: string, problems: Problems): unknown {
  return new PlainCopy(problems, name).copy(value, '', 0);
}

class PlainCopy {
  readonly #problems: Problems;
  /** What the whole is called. */
  readonly #name: string;
  #left = VALUES;

  constructor(problems: Problems, name: string) {
    this.#problems = problems;
    this.#name = name;
  }

  copy(value: unknown, path: string, depth: number): unknown {
    if (this.#left < 0) return undefined;
    if (--this.#left < 0) {
      this.#problems.say(this.#at(path), `there are more than ${VALUES} values; a configuration is smaller`);
      return undefined;
    }
    switch (typeof value) {
      case 'boolean':
      case 'undefined':
      case 'number': // NaN and Infinity included: whoever reads them knows best what to say.
        return value;
      case 'string':
        if (value.length <= TEXT) return value;
        this.#problems.say(this.#at(path), `a text of ${value.length} characters is too long`);
        return undefined;
      case 'object':
        return value === null ? null : this.#object(value, path, depth);
      default:
        return this.#refuse(path, value);
    }
  }

  #object(value: object, path: string, depth: number): unknown {
    if (depth >= DEPTH) {
      this.#problems.say(this.#at(path), `is nested more than ${DEPTH} deep`);
      return undefined;
    }
    if (types.isProxy(value)) return this.#refuse(path, value);
    if (Array.isArray(value)) return this.#array(value, path, depth);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return this.#refuse(path, value);
    const copy: Record<string, unknown> = {};
    for (const [key, field] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
      if (this.#left < 0) break;
      const short = describe(key).slice(1, -1);
      const at = path === '' ? short : `${path}.${short}`;
      if (HOSTILE.has(key)) this.#count(at, 'is no key that a configuration may have');
      else if (!('value' in field)) this.#count(at, 'is computed; a configuration is plain data');
      else if (field.value !== undefined) this.#put(copy, key, field.value, at, depth);
    }
    for (const symbol of Object.getOwnPropertySymbols(value)) this.#refuse(path, symbol);
    return copy;
  }

  /** What is refused has no place in the copy: nobody else need say what is wrong with it. */
  #put(copy: Record<string, unknown>, key: string, value: unknown, at: string, depth: number): void {
    const one = this.copy(value, at, depth + 1);
    if (one !== undefined) copy[key] = one;
  }

  #count(at: string, what: string): void {
    this.#left--;
    this.#problems.say(at, what);
  }

  #at(path: string): string {
    return path === '' ? this.#name : path;
  }

  #array(list: readonly unknown[], path: string, depth: number): unknown {
    if (list.length > this.#left) {
      this.#problems.say(this.#at(path), `a list of ${list.length} is too long`);
      return undefined;
    }
    const own = Reflect.ownKeys(list).length - 1;
    if (Object.getPrototypeOf(list) !== Array.prototype || own > list.length) return this.#refuse(path, list);
    const copy: unknown[] = [];
    for (let index = 0; index < list.length; index++) {
      const at = `${path}[${index}]`;
      const field = Object.getOwnPropertyDescriptor(list, index);
      if (field === undefined || !('value' in field) || field.value === undefined) {
        this.#problems.say(at, 'is missing or computed');
        continue;
      }
      const one = this.copy(field.value, at, depth + 1);
      if (one !== undefined) copy.push(one);
    }
    return copy;
  }

  #refuse(path: string, value: unknown): undefined {
    this.#problems.add(this.#at(path), 'plain data, as JSON has it', value);
    return undefined;
  }
}
