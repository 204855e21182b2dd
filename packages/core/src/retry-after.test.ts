import { describe, expect, it } from 'vitest';
import { wallClock } from './clock.ts';
import { retryAfterMs } from './retry-after.ts';

const hostile = new Proxy(
  {},
  {
    get() {
      throw new Error('no');
    },
  },
);

describe('when a service asks to be called again', () => {
  it.each([
    ['milliseconds', { retryAfterMs: 1_500 }, 1_500],
    ['nothing to wait', { retryAfterMs: 0 }, 0],
    ['seconds', { retryAfter: 2 }, 2_000],
    ['seconds as text', { retryAfter: ' 2.5 ' }, 2_500],
    ['a header', { headers: { 'retry-after': '3' } }, 3_000],
    ['a header in capitals', { headers: { 'Retry-After': '3' } }, 3_000],
    ['a header in milliseconds', { headers: { 'retry-after-ms': '250', 'retry-after': '9' } }, 250],
    ['a header that came twice', { headers: { 'retry-after': ['4', '5'] } }, 4_000],
    ['Headers', { headers: new Headers({ 'retry-after': '6' }) }, 6_000],
    ['the headers of a response', { response: { headers: new Headers({ 'Retry-After': '7' }) } }, 7_000],
    ['a cause', new Error('outer', { cause: { retryAfterMs: 8 } }), 8],
    ['itself before its cause', Object.assign(new Error('x', { cause: { retryAfterMs: 8 } }), { retryAfterMs: 9 }), 9],
    ['the header where its own is nonsense', { retryAfterMs: -1, headers: { 'retry-after': '1' } }, 1_000],
  ])('%s', (_, error, ms) => {
    expect(retryAfterMs(error)).toBe(ms);
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a text', 'retry-after: 3'],
    ['a plain error', new Error('no')],
    ['a negative number', { retryAfterMs: -5 }],
    ['no number', { retryAfterMs: Number.NaN }],
    ['for ever', { retryAfter: Number.POSITIVE_INFINITY }],
    ['negative text', { retryAfter: '-3' }],
    ['a number with a stray letter', { retryAfter: '3s' }],
    ['empty text', { headers: { 'retry-after': '' } }],
    ['a date that is none', { retryAfter: 'Mon, 99 Foo 2026 99:99:99 GMT' }],
    ['words', { retryAfter: 'tomorrow' }],
    ['headers that are none', { headers: 'retry-after' }],
    ['a hostile object', hostile],
    ['hostile headers', { headers: hostile }],
  ])('%s says nothing', (_, error) => {
    expect(retryAfterMs(error)).toBeUndefined();
  });

  it('a date counts from now, and one that is over means now', () => {
    const at = new Date(Math.ceil(wallClock() / 1_000) * 1_000 + 60_000);
    const ms = retryAfterMs({ retryAfter: at.toUTCString() }) as number;
    expect(ms).toBeGreaterThan(50_000);
    expect(ms).toBeLessThanOrEqual(61_000);
    expect(retryAfterMs({ headers: { 'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT' } })).toBe(0);
    expect(retryAfterMs({ headers: { 'retry-after': 'Sunday, 06-Nov-94 08:49:37 GMT' } })).toBe(0);
    expect(retryAfterMs({ headers: { 'retry-after': 'Sun Nov  6 08:49:37 1994' } })).toBe(0);
  });

  it('looks at five causes, and not round in a circle', () => {
    const deep = (depth: number): object => (depth === 0 ? { retryAfterMs: 1 } : { cause: deep(depth - 1) });
    expect(retryAfterMs(deep(4))).toBe(1);
    expect(retryAfterMs(deep(5))).toBeUndefined();
    const circle: { cause?: unknown } = {};
    circle.cause = circle;
    expect(retryAfterMs(circle)).toBeUndefined();
  });
});
