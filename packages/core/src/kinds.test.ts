import { expect, it } from 'vitest';
import { checkKind } from './kinds.ts';
import { Problems } from './problems.ts';

it.each([undefined, 'transform', 'enrich', 'route', 'guard', 'work', 'agent'])('%s is a kind, or none', (kind) => {
  const problems = new Problems();
  checkKind(kind, 'kind', problems);
  expect(problems.count).toBe(0);
});

it.each([null, '', 'Agent', 'constructor', 7])('%s is refused: the error says which kinds there are', (kind) => {
  const problems = new Problems();
  checkKind(kind, 'stage "a": kind', problems);
  expect(() => problems.throwIfAny()).toThrow(
    'stage "a": kind: expected one of transform, enrich, route, guard, work, agent',
  );
});
