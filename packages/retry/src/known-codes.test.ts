import { expect, it } from 'vitest';
import { isPermanentCode, knownCode } from './known-codes.ts';

it.each([
  ['ECONNRESET', 'network'],
  ['UND_ERR_SOCKET', 'network'],
  ['ABORT_ERR', 'cancelled'],
  ['invalid_api_key', 'permanent'],
  ['UND_ERR_INVALID_ARG', 'permanent'],
  ['ENOENT', 'lasting'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'lasting'],
] as const)('%s is known as %s', (code, known) => {
  expect(knownCode(code)).toBe(known);
  expect(isPermanentCode(code)).toBe(known === 'permanent');
});

it.each([['ODD'], [''], ['econnreset'], ['constructor'], ['__proto__'], [404], [undefined]])(
  '%s is not known',
  (code) => {
    expect(knownCode(code)).toBeUndefined();
  },
);
