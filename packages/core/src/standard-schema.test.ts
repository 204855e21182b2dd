import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { isStandardSchema, issuesText, plainIssues } from './standard-schema.ts';

const standard = { version: 1, vendor: 'x', validate: () => ({ value: 1 }) };

it.each<[string, unknown, boolean]>([
  ['a zod schema', z.string(), true],
  ['a hand-written schema', { '~standard': standard }, true],
  ['a function that carries the interface', Object.assign(() => {}, { '~standard': standard }), true],
  ['an object', {}, false],
  ['a function', () => {}, false],
  ['an interface without validate', { '~standard': { version: 1, vendor: 'x' } }, false],
  ['an interface that is null', { '~standard': null }, false],
  ['null', null, false],
  ['a text', 'string', false],
])('%s is recognised for what it is', (_, value, is) => {
  expect(isStandardSchema(value)).toBe(is);
});

describe('issues', () => {
  const issues = plainIssues([
    { message: 'not this' },
    { message: 'too short', path: ['user', { key: 'names' }, 0] },
    { message: 'odd', path: [Symbol('s')] },
  ]);

  it('have their paths as text, whatever the library calls its parts', () => {
    expect(issues).toEqual([
      { path: '', message: 'not this' },
      { path: 'user.names.0', message: 'too short' },
      { path: 'Symbol(s)', message: 'odd' },
    ]);
  });

  it('are said in one line', () => {
    expect(issuesText(issues)).toBe('not this; user.names.0: too short; Symbol(s): odd');
  });
});
