import { describe, expect, it } from 'vitest';
import { ConfigError, type ConfigIssue } from './config-error.ts';

const issues = (count: number): ConfigIssue[] =>
  Array.from({ length: count }, (_, index) => ({ path: `p${index}`, message: `p${index}: is wrong` }));

describe('a ConfigError', () => {
  it('of one sentence has it for its only issue', () => {
    const error = new ConfigError('it is wrong');
    expect(error).toMatchObject({
      name: 'ConfigError',
      code: 'CONFIG',
      message: 'it is wrong',
      issues: [{ path: '', message: 'it is wrong' }],
    });
  });

  it('tells every issue on a line of its own, and keeps a list of its own', () => {
    const given = issues(3);
    const error = new ConfigError(given);
    expect(error.message).toBe('p0: is wrong\np1: is wrong\np2: is wrong');
    given.pop();
    expect(error.issues).toHaveLength(3);
    expect(error.details).toEqual({ issues: error.issues });
  });

  it('of up to 200 issues tells them all', () => {
    const { message } = new ConfigError(issues(200));
    expect(message.split('\n')).toEqual(issues(200).map((issue) => issue.message));
  });

  it.each([201, 1_234, 100_000])(
    'of %d issues tells 200, and how many more there are; all of them are in it',
    (count) => {
      const error = new ConfigError(issues(count));
      const lines = error.message.split('\n');
      expect(lines.slice(0, 200)).toEqual(issues(200).map((issue) => issue.message));
      expect(lines.slice(200)).toEqual([expect.stringContaining(`… and ${count - 200} more`)]);
      expect(error.issues).toHaveLength(count);
      expect(error.issues.at(-1)?.path).toBe(`p${count - 1}`);
    },
  );
});
