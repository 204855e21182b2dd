import { types } from 'node:util';

/**
 * Says what a value is in a few words, for messages. Never throws and never runs the value's own code: a hostile getter,
 * `toString` or Proxy trap is not reached.
 */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > 60 ? `${cut(value)}...` : value);
    case 'bigint':
      return `${value}n`;
    case 'symbol':
      return value.toString();
    case 'function':
      return types.isProxy(value) ? 'a Proxy' : 'a function';
    case 'object':
      return describeObject(value);
    default:
      return Object.is(value, -0) ? '-0' : String(value);
  }
}

/** The beginning of a long text, without a word that is cut: half a secret would not be known as one. */
function cut(text: string): string {
  const start = text.slice(0, 57);
  const words = start.replace(/[\w-]+$/, '');
  return words === '' ? start : words.trimEnd();
}

function describeObject(value: object | null): string {
  if (value === null) return 'null';
  if (types.isProxy(value)) return 'a Proxy';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (types.isNativeError(value)) return 'an Error';
  if (types.isPromise(value)) return 'a Promise';
  if (types.isMap(value)) return 'a Map';
  if (types.isSet(value)) return 'a Set';
  if (types.isDate(value)) return 'a Date';
  return 'an object';
}
