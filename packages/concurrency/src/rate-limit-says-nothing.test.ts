import { pipeline, tool } from '@sluice/core';
import { expect, it } from 'vitest';
import { bench } from './acceptance.test-kit.ts';
import { rateLimit } from './index.ts';

it('an empty policy of a stage or tool, which would do nothing, is refused', () => {
  const { runner } = bench({ use: [rateLimit({ requests: '10/s' })], grace: 0 });
  const one = pipeline('one').stage('only', { rateLimit: {} }, () => 1);
  expect(() => runner.explain(one)).toThrow(
    /rateLimit: says nothing; name an option, such as cost: 1, or write 'none'/,
  );
  expect(() => runner.explain(tool('search', { rateLimit: {} }, () => 1))).toThrow(/says nothing/);
  expect(() => rateLimit({ requests: '10/s', stages: { only: {} } })).toThrow(/rateLimit.stages.only: says nothing/);
});
