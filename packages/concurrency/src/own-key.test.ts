import type { Call, PolicySource } from '@sluice/core';
import { expect, it } from 'vitest';
import { OUTER, ownKey } from './own-key.ts';

const subject = { target: 'tool', name: 'search', kind: 'work' };
const call = (runId: string) => ({ runId, target: 'tool', name: 'search' }) as Call;

it.each(['run', 'pipeline'] as const)('what is said of a %s is one limit for all of one run', (source) => {
  const key = ownKey(source, subject);
  expect(key(call('r1'))).toContain('r1');
  expect(key(call('r1'))).toBe(ownKey(source, { target: 'stage', name: 'other' })(call('r1')));
  expect(key(call('r2'))).not.toBe(key(call('r1')));
});

it('what is said of a kind is one limit for all that is of it', () => {
  const key = ownKey('kind', subject)(call('r1'));
  expect(key).toContain('kind:work');
  expect(ownKey('kind', { target: 'stage', name: 'other', kind: 'work' })(call('r2'))).toBe(key);
  expect(ownKey('kind', { ...subject, kind: 'agent' })(call('r1'))).not.toBe(key);
});

it('what is said of anything else is one limit for each target', () => {
  const source: PolicySource = 'tool';
  const key = ownKey(source, subject)(call('r1'));
  expect(key).toContain('tool:search');
  expect(ownKey(source, { ...subject, name: 'other' })(call('r1'))).not.toBe(key);
  expect(ownKey(source, { ...subject, target: 'stage' })(call('r1'))).not.toBe(key);
});

it('what is said of everything opens no limit of its own', () => {
  expect([...OUTER].sort()).toEqual(['default', 'plugin']);
});
