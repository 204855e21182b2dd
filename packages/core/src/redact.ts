import { types } from 'node:util';
import { isRealError } from './is-real-error.ts';
import { type Name, type RedactOptions, Rules } from './secret-rules.ts';
import { isLogin, isLoginFlag, REDACTED, scrubText } from './secret-text.ts';

export type { RedactOptions } from './secret-rules.ts';
export { REDACTED } from './secret-text.ts';

/** Makes what goes to a log fit for it. */
export interface Redactor {
  /** A plain, bounded copy without cycles and without secrets. Never throws. */
  (value: unknown): unknown;
  /** A message without secrets. Never throws. */
  text(message: string): string;
}

/** A log line that is longer than this is read by nobody. */
const DEPTH = 10;
const VALUES = 2_000;
const TEXT = 16_384;
const ALL_TEXT = 131_072;

/**
 * Everything that a log gets goes through this, so that no secret does: secrets are known by the name they go by or by their own
 * shape, at every depth, also inside of texts. Never throws, and does a bounded amount of work.
 */
export function redactor(options: RedactOptions = {}): Redactor {
  const rules = new Rules(options);
  const redact = (value: unknown): unknown => {
    try {
      return new Copy(rules).copy(value, 0, false);
    } catch {
      return '[unreadable]';
    }
  };
  return Object.assign(redact, { text: (message: string) => String(redact(message)) });
}

const NAME_KEYS = ['name', 'key', 'header', 'field', 'k', 'attribute', 'param', 'parameter', 'variable'];
const VALUE_KEYS = new Set(['value', 'values', 'val', 'v']);

/** Stands for a piece of JSON while the text around it is scrubbed: it goes where a secret name stands before it. */
const JSON_HERE = '{"\\u0001":"json"}';

type Pairs = Iterable<readonly [unknown, unknown]>;

class Copy {
  readonly #rules: Rules;
  readonly #path: object[] = [];
  #values = VALUES;
  #text = ALL_TEXT;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** `counts`: below a name like `tokens`, where numbers are welcome and texts are secrets. */
  copy(value: unknown, depth: number, counts: boolean): unknown {
    if (this.#values-- <= 0) return '[truncated]';
    switch (typeof value) {
      case 'string':
        return counts && !/^[\d.,]{0,15}$/.test(value) ? REDACTED : this.#string(value, depth);
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'boolean':
      case 'undefined':
        return value;
      case 'bigint':
        return BigInt.asIntN(256, value) === value ? `${value}n` : '[bigint]';
      case 'symbol':
        return this.#string(value.toString(), depth);
      case 'function':
        return '[function]';
      case 'object':
        return value === null ? null : this.#object(value, depth, counts);
    }
  }

  /** The member of the given name, which decides first. */
  #member(name: Name | undefined, value: unknown, depth: number, counts: boolean): unknown {
    const verdict = name?.verdict ?? 'keep';
    if (verdict === 'keep') return this.copy(value, depth, counts);
    if (value === null || value === undefined || typeof value === 'boolean') return value;
    if (verdict === 'hide-text') return this.copy(value, depth, true);
    return verdict === 'hide-unless-number' && typeof value === 'number' ? this.copy(value, depth, counts) : REDACTED;
  }

  #string(text: string, depth: number): string {
    if (this.#text <= 0 && text !== '') return '[truncated]';
    const limit = Math.min(TEXT, this.#text);
    this.#text -= Math.min(limit, text.length);
    return (text.length <= limit ? this.#json(text, depth) : undefined) ?? scrubText(text, limit, this.#rules);
  }

  /** A text that is JSON, or has JSON in it, is redacted as what it says: names are then known whatever the escapes. */
  #json(text: string, depth: number): string | undefined {
    const start = text.search(/[{[]/);
    if (start < 0 || depth >= DEPTH || !text.includes('"', start)) return undefined;
    const end = text.lastIndexOf(text[start] === '{' ? '}' : ']') + 1;
    if (end <= start || text.includes(JSON_HERE)) return undefined;
    try {
      const parsed: unknown = JSON.parse(text.slice(start, end));
      const before = JSON.stringify(parsed);
      const after = JSON.stringify(this.copy(parsed, depth, false));
      // What stays as it is keeps its spaces; as text it is looked at again, for names that it says twice.
      if (before === after) return undefined;
      const around = scrubText(text.slice(0, start) + JSON_HERE + text.slice(end), TEXT, this.#rules);
      return around.replace(JSON_HERE, () => after);
    } catch {
      return undefined;
    }
  }

  #object(value: object, depth: number, counts: boolean): unknown {
    if (types.isProxy(value)) return '[Proxy]';
    if (this.#path.includes(value)) return '[circular]';
    if (depth >= DEPTH) return Array.isArray(value) ? '[array]' : '[object]';
    this.#path.push(value);
    try {
      if (Array.isArray(value)) return this.#list(value, depth + 1, counts);
      const prototype: unknown = Object.getPrototypeOf(value);
      if (prototype === Object.prototype || prototype === null) return this.#record(value, depth + 1, counts);
      return this.#instance(value, depth + 1, counts);
    } catch {
      return '[unreadable]';
    } finally {
      this.#path.pop();
    }
  }

  #instance(value: object, depth: number, counts: boolean): unknown {
    if (types.isDate(value)) {
      const time = Date.prototype.getTime.call(value);
      return Number.isNaN(time) ? 'Invalid Date' : Date.prototype.toISOString.call(value);
    }
    if (isRealError(value)) return this.#error(value, depth, counts);
    if (types.isMap(value)) return this.#pairs(Map.prototype.entries.call(value), depth, counts);
    if (types.isSet(value)) return this.#list(first(Set.prototype.values.call(value), this.#values), depth, counts);
    if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return `[${value.byteLength} bytes]`;
    if (types.isBoxedPrimitive(value)) return this.copy(unboxed(value), depth, counts);
    if (value instanceof URL) return this.copy(HREF?.get?.call(value), depth, counts);
    const pairs = webPairs(value);
    return pairs === undefined ? this.#record(value, depth, counts) : this.#pairs(pairs, depth, counts);
  }

  #record(value: object, depth: number, counts: boolean): unknown {
    const copy: Record<string, unknown> = {};
    const keys = Object.keys(value);
    const named = this.#named(value, keys);
    for (const key of keys) {
      if (this.#values <= 0) {
        copy['[truncated]'] = true;
        break;
      }
      const name = this.#rules.name(key);
      const about = named !== undefined && VALUE_KEYS.has(key) ? named : name;
      put(copy, name.shown, this.#member(about, read(value, key), depth, counts));
    }
    return copy;
  }

  /** The name in `{ name: 'Authorization', value: '…' }`. */
  #named(value: object, keys: readonly string[]): Name | undefined {
    if (!keys.some((key) => VALUE_KEYS.has(key))) return undefined;
    const names = NAME_KEYS.filter((key) => keys.includes(key)).map((key) => read(value, key));
    return names
      .filter((name) => typeof name === 'string')
      .map((name) => this.#rules.name(name))
      .find(({ verdict }) => verdict !== 'keep');
  }

  #pairs(pairs: Pairs, depth: number, counts: boolean): unknown[] {
    return first(pairs, this.#values).map(([key, value]) => {
      const name = typeof key === 'string' ? this.#rules.name(key) : undefined;
      return [name?.shown ?? this.copy(key, depth, counts), this.#member(name, value, depth, counts)];
    });
  }

  /** A name in a list decides about what follows it: `['x-api-key', '…']`, `rawHeaders`, the arguments of a command. */
  #list(items: readonly unknown[], depth: number, counts: boolean): unknown[] {
    const copy: unknown[] = [];
    const inPairs = items.length % 2 === 0;
    let about: Name | undefined;
    let item = read(items, 0);
    for (let index = 0; index < items.length; index++) {
      if (this.#values <= 0) {
        copy.push(`[${items.length - index} more]`);
        break;
      }
      copy.push(this.#member(about, item, depth, counts));
      const next = index + 1 < items.length ? read(items, index + 1) : undefined;
      const isValue = about !== undefined && about.verdict !== 'keep';
      about = isValue || typeof item !== 'string' ? undefined : this.#announced(item, inPairs && index % 2 === 0, next);
      item = next;
    }
    return copy;
  }

  #announced(item: string, isName: boolean, next: unknown): Name | undefined {
    if (item.length > 80 || !/^-{0,2}[A-Za-z_$][\w.$[\]-]*$/.test(item)) return undefined;
    if (item.startsWith('-') && isLoginFlag(item.replace(/^--?/, ''))) {
      return typeof next === 'string' && isLogin(next) ? { verdict: 'hide', shown: item } : undefined;
    }
    return isName || /-|^(?:authorization|cookie)$/i.test(item) ? this.#rules.name(item) : undefined;
  }

  #error(error: Error, depth: number, counts: boolean): unknown {
    const copy: Record<string, unknown> = {};
    const keys = new Set(['name', 'code', 'message', ...Object.keys(error), 'cause', 'errors']);
    keys.delete('stack');
    for (const key of keys) {
      if (this.#values <= 0) break;
      const name = this.#rules.name(key);
      const member = this.#member(name, read(error, key), depth, counts);
      if (member !== undefined) put(copy, name.shown, member);
    }
    const stack = read(error, 'stack');
    if (typeof stack !== 'string') return copy;
    const message = read(error, 'message');
    // The message in it may be JSON, which is only known apart from the lines around it.
    const said = typeof message === 'string' && message !== '' && typeof copy['message'] === 'string';
    const scrubbed = said ? stack.replace(message, () => String(copy['message'])) : stack;
    put(copy, 'stack', this.#member(this.#rules.name('stack'), scrubbed, depth, counts));
    return copy;
  }
}

function read(from: object, key: PropertyKey): unknown {
  try {
    return (from as Record<PropertyKey, unknown>)[key];
  } catch {
    return '[unreadable]';
  }
}

/** Sets an own property whatever it is called: `__proto__` in data must stay data. */
function put(copy: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') copy[key] = value;
  else Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true });
}

/** No more items than can be shown, and one to tell that there were more. */
function first<T>(items: Iterable<T>, count: number): T[] {
  const taken: T[] = [];
  for (const item of items) {
    taken.push(item);
    if (taken.length > count) break;
  }
  return taken;
}

/** A boxed text is an object of its letters: they would be shown one by one. */
function unboxed(value: object): unknown {
  if (types.isStringObject(value)) return String.prototype.valueOf.call(value);
  if (types.isNumberObject(value)) return Number.prototype.valueOf.call(value);
  if (types.isBooleanObject(value)) return Boolean.prototype.valueOf.call(value);
  return types.isSymbolObject(value) ? Symbol.prototype.valueOf.call(value) : BigInt.prototype.valueOf.call(value);
}

const HREF = Object.getOwnPropertyDescriptor(URL.prototype, 'href');

/** Pairs that are no own properties, of the host's own classes: what only looks like one throws, and is read as what it is. */
function webPairs(value: object): Pairs | undefined {
  try {
    switch (Object.prototype.toString.call(value)) {
      case '[object Headers]':
        return Headers.prototype.entries.call(value);
      case '[object URLSearchParams]':
        return URLSearchParams.prototype.entries.call(value);
      case '[object FormData]':
        return FormData.prototype.entries.call(value);
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}
