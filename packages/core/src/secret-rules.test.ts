import { describe, expect, it } from 'vitest';
import { Rules } from './secret-rules.ts';

describe('the rules', () => {
  it('judge a name once, and remember a bounded number of short ones', () => {
    const rules = new Rules({});
    const first = rules.name('token');
    expect(rules.name('token')).toBe(first);
    for (let at = 0; at < 1_000; at++) rules.name(`name${at}`);
    expect(rules.name('token')).not.toBe(first);
    expect(rules.name('token')).toEqual(first);
    const long = `token-${'x'.repeat(100)}`;
    expect(rules.name(long)).not.toBe(rules.name(long));
  });

  it.each<[string, string]>([
    ['tenantId', 'hide'],
    ['TENANT_ID', 'hide'],
    ['x-internal-a', 'hide'],
    ['token', 'hide'],
    ['tenant', 'keep'],
    ['myTenantId', 'keep'],
  ])('add names to those that are always secret: %s', (name, verdict) => {
    const rules = new Rules({ keys: ['tenant-id', /^x-internal/g] });
    for (let time = 0; time < 2; time++) {
      expect(rules.verdict(name)).toBe(verdict);
      expect(rules.name(name)).toEqual({ verdict, shown: name });
    }
  });
});
