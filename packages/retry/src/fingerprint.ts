import { createHash } from 'node:crypto';

/**
 * What tells inputs apart: equal for equal data, whatever the order of its keys and whether a part of it is there twice or shared. Functions,
 * symbols, and objects that keep all that they are to themselves are told apart by which ones they are; other class instances by their class and
 * fields. A signal says nothing of what is asked for. May throw what reading the input throws.
 */
export function fingerprint(input: unknown): string {
  return digest(new Walk().text(input));
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** How long the text of an object may be before its digest stands in its place. */
const LONG = 500;

let identities = 0;
const known = new WeakMap<WeakKey, number>();

function identityOf(value: WeakKey): number {
  let identity = known.get(value);
  if (identity === undefined) {
    identity = ++identities;
    known.set(value, identity);
  }
  return identity;
}

/** An object that is being read, or was. */
interface Met {
  /** How many objects are around it. */
  readonly depth: number;
  /** How many were met before it. */
  readonly order: number;
  /** Its text, once it is read; undefined while it is. */
  text: string | undefined;
  /** The outermost object around it that is found again in it; its own depth, or more, where none is. */
  upTo: number;
}

/** Puts a value in words, with its types and its shape: nothing that differs reads the same. */
class Walk {
  readonly #met = new Map<object, Met>();
  /** The objects around what is being read. */
  readonly #around: Met[] = [];

  text(value: unknown): string {
    switch (typeof value) {
      case 'object':
        return value === null ? said('null', '') : this.#object(value);
      case 'function':
        return said('function', String(identityOf(value)));
      case 'symbol': {
        const name = Symbol.keyFor(value);
        return name === undefined ? said('symbol', String(identityOf(value))) : said('symbol.for', name);
      }
      case 'number':
        return said('number', Object.is(value, -0) ? '-0' : String(value));
      default:
        return said(typeof value, String(value));
    }
  }

  #object(value: object): string {
    const depth = this.#around.length;
    const known = this.#met.get(value);
    if (known !== undefined) {
      // What has nothing in it that is around it reads the same wherever it is.
      if (known.text !== undefined && known.upTo >= known.depth) return known.text;
      this.#reaches(Math.min(known.upTo, known.depth));
      return known.text === undefined
        ? said('around', String(depth - known.depth))
        : said('again', String(this.#met.size - known.order));
    }
    const met: Met = { depth, order: this.#met.size, text: undefined, upTo: depth };
    this.#met.set(value, met);
    this.#around.push(met);
    const text = this.#content(value);
    this.#around.pop();
    if (met.upTo < depth) this.#reaches(met.upTo);
    met.text = text.length > LONG ? said('digest', digest(text)) : text;
    return met.text;
  }

  /** What is being read has something in it that is around it, from `depth` on. */
  #reaches(depth: number): void {
    const inner = this.#around.at(-1);
    if (inner !== undefined) inner.upTo = Math.min(inner.upTo, depth);
  }

  #content(value: object): string {
    if (Array.isArray(value)) return listed('array', this.#each(value));
    if (ArrayBuffer.isView(value)) {
      return listed(`bytes ${nameOf(value)}`, [
        bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)),
      ]);
    }
    if (value instanceof ArrayBuffer) return listed('bytes', [bytes(new Uint8Array(value))]);
    // Neither has an order that counts.
    if (value instanceof Map) return listed('Map', this.#each([...value]).sort());
    if (value instanceof Set) return listed('Set', this.#each([...value]).sort());
    if (value instanceof RegExp) return said('RegExp', String(value));
    if (value instanceof AbortSignal) return said('AbortSignal', '');
    const { toJSON } = value as { readonly toJSON?: unknown };
    // Dates, URLs and their like keep what they are to themselves.
    if (typeof toJSON === 'function') return listed(`as ${nameOf(value)}`, [this.text(toJSON.call(value))]);
    return this.#fields(value);
  }

  #each(values: readonly unknown[]): string[] {
    const texts: string[] = [];
    for (let index = 0; index < values.length; index++) texts.push(this.text(values[index]));
    return texts;
  }

  #fields(value: object): string {
    const texts: string[] = [];
    for (const name of Object.keys(value).sort()) {
      const field = (value as Record<string, unknown>)[name];
      // A field that is undefined says no more than one that is not there.
      if (field !== undefined) texts.push(said('field', name), this.text(field));
    }
    if (value instanceof Error) texts.push(said('message', value.message), this.text(value.cause));
    const prototype: unknown = Object.getPrototypeOf(value);
    const plain = prototype === null || prototype === Object.prototype;
    // What shows nothing of itself might be anything.
    if (texts.length === 0 && !plain) texts.push(...this.#opaque(value));
    return listed(`object ${plain ? '' : nameOf(value)}`, texts);
  }

  #opaque(value: object): string[] {
    const boxed: unknown = value.valueOf();
    if (boxed !== value) return [this.text(boxed)];
    if (typeof (value as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function' && 'entries' in value) {
      return this.#each([...(value as object as Iterable<unknown>)]);
    }
    return [said('identity', String(identityOf(value)))];
  }
}

function said(type: string, content: string): string {
  return `${type}:${content.length}:${content};`;
}

function listed(type: string, texts: readonly string[]): string {
  return `${said('of', type)}${texts.length}[${texts.join('')}]`;
}

function bytes(content: Uint8Array): string {
  return said('bytes', `${content.byteLength} ${createHash('sha256').update(content).digest('base64url')}`);
}

function nameOf(value: object): string {
  const { constructor: itsClass } = value as { readonly constructor?: { readonly name?: unknown } | null };
  return typeof itsClass?.name === 'string' ? itsClass.name : '';
}
