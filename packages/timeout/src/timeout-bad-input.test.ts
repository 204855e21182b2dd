import { ConfigError, createRunner, pipeline, tool } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { timeout } from './index.ts';
import { nothingIsLeft } from './timeout-bench.test-kit.ts';
import { failure, silent, workbench } from './workbench.test-kit.ts';

nothingIsLeft();

describe('a limit that is none', () => {
  const WANTED = "expected a duration: milliseconds ≥ 0, text such as '250ms', '30s', '2m', '1h', '1d', or 'none'";
  const bad: [unknown, string, string][] = [
    [Number.NaN, WANTED, 'NaN'],
    [-1, WANTED, '-1'],
    [Number.POSITIVE_INFINITY, "expected a finite duration; write 'none' for no limit", 'Infinity'],
    [Number.NEGATIVE_INFINITY, WANTED, '-Infinity'],
    ['10 parsecs', WANTED, '"10 parsecs"'],
    ['-5s', WANTED, '"-5s"'],
    ['', WANTED, '""'],
    [true, WANTED, 'true'],
    [10n, WANTED, '10n'],
  ];
  const inObject: [unknown, string, string][] = [
    ...bad,
    [null, WANTED, 'null'],
    [[], WANTED, 'an array of 0'],
    [{}, WANTED, 'an object'],
  ];

  const thrown = (make: () => unknown): ConfigError => {
    try {
      make();
    } catch (error) {
      if (error instanceof ConfigError) return error;
    }
    return expect.unreachable('it should have been refused');
  };
  const says = (error: unknown, path: string, value: unknown, wanted: string, got: string): void => {
    if (!(error instanceof ConfigError)) expect.unreachable(`it should have been refused: ${String(error)}`);
    expect(error.code).toBe('CONFIG');
    expect(error.issues).toEqual([expect.objectContaining({ path, value, message: `${path}: ${wanted}, got ${got}` })]);
    expect(error.message).toContain(`${path}: ${wanted}`);
  };

  it.each(bad)(
    '%s, is a ConfigError with path, value and what is allowed, as the plugin itself',
    (value, wanted, got) => {
      says(
        thrown(() => timeout(value as never)),
        'timeout',
        value,
        wanted,
        got,
      );
    },
  );

  it('null, or a list, as the plugin itself is one too', () => {
    for (const value of [null, []]) {
      const error = thrown(() => timeout(value as never));
      expect(error.issues[0]).toMatchObject({ path: 'timeout', value });
      expect(error.message).toContain('timeout: expected a duration, or a plain object of options');
    }
  });

  it.each(inObject)('%s, is one as each option, in each layer', (value, wanted, got) => {
    for (const option of ['total', 'attempt', 'queue', 'soft', 'grace', 'cleanup']) {
      if (option === 'attempt' && typeof value === 'object') continue;
      const options = { [option]: value };
      says(
        thrown(() => timeout(options)),
        `timeout.${option}`,
        value,
        wanted,
        got,
      );
      for (const [layer, name] of [
        ['kinds', 'agent'],
        ['stages', 's'],
        ['tools', 't'],
      ] as const) {
        says(
          thrown(() => timeout({ [layer]: { [name]: options } })),
          `timeout.${layer}.${name}.${option}`,
          value,
          wanted,
          got,
        );
      }
    }
  });

  it.each(inObject)(
    '%s, is one on a stage, a pipeline, a run, a tool, a call and a function, before anything runs',
    async (value, wanted, got) => {
      const { clock, runner } = workbench({ use: [timeout()] });
      const work = scripted([{ do: 'succeed' }], { clock });
      const policy = { timeout: { total: value } } as never;
      const fails = (call: PromiseLike<unknown>) => clock.until(failure(call));
      const plain = pipeline('p').stage('s', work);
      says(
        await fails(runner.run(pipeline('p').stage('s', policy, work))),
        'pipeline "p", stage "s": timeout.total',
        value,
        wanted,
        got,
      );
      says(
        await fails(runner.run(pipeline('p', policy).stage('s', work))),
        'pipeline "p": timeout.total',
        value,
        wanted,
        got,
      );
      says(await fails(runner.run(plain, undefined, policy)), 'timeout.total', value, wanted, got);
      says(
        await fails(runner.run(plain, undefined, { stages: { s: policy } })),
        'stages.s.timeout.total',
        value,
        wanted,
        got,
      );
      says(await fails(runner.call(tool('t', policy, work))), 'tool "t": timeout.total', value, wanted, got);
      says(await fails(runner.call(tool('t', {}, work), undefined, policy)), 'timeout.total', value, wanted, got);
      says(
        thrown(() => runner.wrap(async () => 1, { name: 'f', timeout: { total: value } } as never)),
        'function "f": timeout.total',
        value,
        wanted,
        got,
      );
      expect(work.calls).toBe(0);
    },
  );

  it('is said together with all else that is wrong, and an unknown name with the nearest known one', () => {
    const error = thrown(() =>
      timeout({
        atempt: 5,
        total: -1,
        partial: 'keep',
        priority: Number.NaN,
        name: '',
        applies: 'robot',
        kinds: { robot: '1s' },
        stages: { s: { soft: 'soon' } },
      } as never),
    );
    expect(error.issues.map(({ path }) => path).toSorted()).toEqual([
      'timeout.applies',
      'timeout.atempt',
      'timeout.kinds.robot',
      'timeout.name',
      'timeout.partial',
      'timeout.priority',
      'timeout.stages.s.soft',
      'timeout.total',
    ]);
    expect(error.message).toContain('did you mean "attempt"?');
    expect(error.message).toContain("timeout.partial: expected 'reject' or 'resolve', got \"keep\"");
  });

  it('can also be an attempt that is longer than the total in one set of options', () => {
    expect(() => createRunner({ use: [timeout({ total: 100, attempt: 200 })], logger: silent })).toThrow(
      'attempt timeout of 200 ms is not below the total of 100 ms',
    );
  });
});
