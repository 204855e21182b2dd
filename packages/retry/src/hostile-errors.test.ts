import { type Call, CircuitOpenError, Problems } from '@sluice/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Classifier } from './classifier.ts';
import { classify } from './classify.ts';
import { readRetryOn } from './read-retry-on.ts';
import { retryOn } from './retry-on.ts';

const call = { target: 'tool', name: 'search', attempt: 1 } as Call;
const trap = (): never => {
  throw new Error('trap');
};
const KEYS = [
  'name',
  'code',
  'retryable',
  'status',
  'statusCode',
  'response',
  'type',
  'error',
  'data',
  'cause',
  'errors',
];
const TRAPS = { get: trap, has: trap, getPrototypeOf: trap, ownKeys: trap, getOwnPropertyDescriptor: trap };

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable(new Error('x'), {});
  revoke();
  return proxy;
}

function endless(): object {
  return new Proxy({}, { get: endless });
}

function circle(): Error {
  const one = new Error('one');
  const other = new AggregateError([one], 'other', { cause: one });
  other.errors.push(other);
  return Object.assign(one, { cause: other, error: one, data: one, response: { data: one } });
}

const HOSTILE: readonly (readonly [string, () => unknown])[] = [
  ['a Proxy that throws', () => new Proxy(new Error('x'), TRAPS)],
  ['a Proxy that was revoked', revoked],
  ['a Proxy without an end', endless],
  ['an error that is its own cause', circle],
  [
    'a list without an end',
    () =>
      Object.assign(new Error('x'), {
        errors: new Proxy([1], { get: (_, key) => (key === 'length' ? 1e15 : circle()) }),
      }),
  ],
  ...KEYS.map(
    (key) => [`a ${key} that throws`, () => Object.defineProperty(new Error('x'), key, { get: trap })] as const,
  ),
  ...KEYS.map(
    (key) =>
      [`a ${key} that is a Proxy`, () => Object.assign(new Error('x'), { [key]: new Proxy({}, TRAPS) })] as const,
  ),
  ['a frozen error', () => Object.freeze(new Error('x'))],
  ['what has no prototype', () => Object.assign(Object.create(null), { code: 'ODD' })],
  ['undefined', () => undefined],
  ['a symbol', () => Symbol('x')],
  ['a function that throws', () => trap],
];

/** Made only where it is used: the generators trip over it themselves. */
const anyError: fc.Arbitrary<() => unknown> = fc.oneof(
  fc.constantFrom(...HOSTILE.map(([, make]) => make)),
  fc.anything({ withNullPrototype: true }).map((value) => () => value),
  fc
    .record(
      {
        code: fc.constantFrom<unknown>('ECONNRESET', 'CIRCUIT_OPEN', 'NOT_FOUND', 404, {}),
        status: fc.constantFrom<unknown>(200, 404, 409, 503, 'x', null),
        retryable: fc.constantFrom<unknown>(true, false, 'yes'),
        cause: fc.constantFrom<unknown>(new TypeError('x'), { status: 401 }, new CircuitOpenError('x')),
        errors: fc.constantFrom<unknown>([], [{ status: 404 }, { code: 'EPIPE' }], 'x'),
      },
      { requiredKeys: [] },
    )
    .map((marks) => () => Object.assign(new Error('x'), marks)),
);

const { composed } = fc.letrec<{ composed: Classifier }>((tie) => ({
  composed: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<Classifier>(
      retryOn.defaults,
      retryOn.status(503, '4xx'),
      retryOn.code('ECONNRESET', 'CIRCUIT_OPEN'),
      retryOn.errors(Error, RangeError),
      retryOn.when(() => true),
      retryOn.when(() => false),
    ),
    fc.array(tie('composed'), { minLength: 1, maxLength: 3 }).map((members) => retryOn.any(...members)),
    fc.array(tie('composed'), { minLength: 1, maxLength: 3 }).map((members) => retryOn.all(...members)),
    tie('composed').map((member) => retryOn.not(member)),
  ),
}));

describe('nothing that is thrown makes the classification throw', () => {
  it.each(HOSTILE)('%s', (_, make) => {
    const { status, code, errors, any, defaults } = retryOn;
    for (const on of [defaults, any(status(503), code('ODD2'), errors(RangeError))]) {
      expect(classify(make(), call, on)).toHaveProperty('again');
    }
  });

  it('whatever it is composed of', () => {
    fc.assert(
      fc.property(composed, anyError, (on, make) => {
        const error = make();
        const { again } = classify(error, call, on);
        // What is repeated is what it says, unless it was not to be asked.
        if (again) expect(on(error, call)).toBe(true);
        expect(typeof on.describe()).toBe('string');
      }),
      { numRuns: 500 },
    );
  });
});

it('a fact beside what cannot be read still counts', () => {
  for (const key of ['cause', 'data', 'errors']) {
    const error = Object.defineProperty(Object.assign(new Error('x'), { status: 404 }), key, { get: trap });
    expect(classify(error, call, retryOn.defaults).again).toBe(false);
  }
});

it('by the laws of logic, what a composition answers is what its parts do', () => {
  const { any, all, not } = retryOn;
  fc.assert(
    fc.property(composed, composed, anyError, (a, b, make) => {
      const error = make();
      expect(any(a, b)(error)).toBe(a(error) || b(error));
      expect(all(a, b)(error)).toBe(a(error) && b(error));
      expect(not(a)(error)).toBe(!a(error));
      expect(not(not(a))(error)).toBe(a(error));
      for (const name of [404, 'CIRCUIT_OPEN']) {
        expect(not(not(a)).names(name)).toBe(a.names(name));
        expect(any(a, b).names(name)).toBe(a.names(name) || b.names(name));
      }
    }),
    { numRuns: 300 },
  );
});

it('nothing that is written for retryOn makes its reading throw: it is read, or noted', () => {
  fc.assert(
    fc.property(anyError, (make) => {
      const problems = new Problems();
      const read = readRetryOn(make(), 'retry.retryOn', problems);
      expect(problems.count === 0).toBe(read !== undefined);
    }),
  );
});
