import { types } from 'node:util';

/** How far {@link safeJson} goes before it cuts. */
export interface SafeJsonLimits {
  /** Levels of nesting; 12 unless set. */
  readonly depth?: number;
  /** Values in all; 10,000 unless set. */
  readonly values?: number;
  /** Characters of one text; 100,000 unless set. */
  readonly text?: number;
}

/**
 * A copy of `value` that `JSON.stringify` cannot trip over: cycles, hostile getters, `toJSON`, Proxies, bigints and functions
 * are replaced by a word in brackets, and what is past the limits is cut and says so.
 */
export function safeJson(value: unknown, limits: SafeJsonLimits = {}): unknown {
  return new SafeCopy(limits).copy(value, 0);
}

/** Characters of all texts of one value together, keys included. */
const LETTERS = 1_000_000;

class SafeCopy {
  /** Characters of all texts that may still be copied. */
  #letters = LETTERS;
  readonly #depth: number;
  readonly #text: number;
  #left: number;
  readonly #path = new Set<object>();

  constructor({ depth = 12, values = 10_000, text = 100_000 }: SafeJsonLimits) {
    this.#depth = depth;
    this.#text = text;
    this.#left = values;
  }

  copy(value: unknown, depth: number): unknown {
    if (this.#left-- <= 0) return '[truncated]';
    switch (typeof value) {
      case 'string':
        return this.#string(value);
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'boolean':
      case 'undefined':
        return value;
      case 'bigint':
        return `${value}n`;
      case 'symbol':
        return value.toString();
      case 'function':
        return '[function]';
      case 'object':
        return value === null ? null : this.#object(value, depth);
    }
  }

  #string(text: string): string {
    const most = Math.min(this.#text, this.#letters);
    this.#letters -= Math.min(text.length, most);
    return text.length > most ? `${text.slice(0, most)}[truncated ${text.length - most}]` : text;
  }

  #object(value: object, depth: number): unknown {
    if (types.isProxy(value)) return '[Proxy]';
    if (this.#path.has(value)) return '[circular]';
    if (depth >= this.#depth) return Array.isArray(value) ? '[array]' : '[object]';
    this.#path.add(value);
    try {
      return this.#members(value, depth + 1);
    } catch {
      return '[unreadable]';
    } finally {
      this.#path.delete(value);
    }
  }

  #members(value: object, depth: number): unknown {
    if (Array.isArray(value)) return this.#list(value, depth);
    if (types.isDate(value))
      return Number.isNaN(Date.prototype.getTime.call(value)) ? 'Invalid Date' : Date.prototype.toISOString.call(value);
    if (types.isNativeError(value)) return this.#error(value, depth);
    if (types.isMap(value)) return this.#list([...Map.prototype.entries.call(value)], depth);
    if (types.isSet(value)) return this.#list([...Set.prototype.values.call(value)], depth);
    if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return `[${value.byteLength} bytes]`;
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      if (this.#left <= 0) {
        put(copy, '[truncated]', true);
        break;
      }
      put(copy, this.#string(key), this.#read(value, key, depth));
    }
    return copy;
  }

  #list(items: readonly unknown[], depth: number): unknown[] {
    const copy: unknown[] = [];
    for (let index = 0; index < items.length; index++) {
      if (this.#left <= 0) {
        copy.push(`[${items.length - index} more]`);
        break;
      }
      copy.push(this.#read(items, index, depth));
    }
    return copy;
  }

  #error(error: Error, depth: number): unknown {
    const copy: Record<string, unknown> = {};
    for (const key of ['name', 'code', 'message', 'status', 'cause']) {
      const member = this.#read(error, key, depth);
      if (member !== undefined) copy[key] = member;
    }
    return copy;
  }

  #read(from: object, key: PropertyKey, depth: number): unknown {
    let member: unknown;
    try {
      member = (from as Record<PropertyKey, unknown>)[key];
    } catch {
      return '[unreadable]';
    }
    return this.copy(member, depth);
  }
}

/** Sets an own property whatever it is called: `__proto__` in data must stay data. */
function put(copy: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true });
}
