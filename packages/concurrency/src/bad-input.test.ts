import { createRunner, isSluiceError, tool } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { bench, failure, nothingIsLeft, silent } from './acceptance.test-kit.ts';
import { adaptive, admission, concurrency, rateLimit } from './index.ts';

nothingIsLeft();

function messageOf(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    expect(isSluiceError(error, 'CONFIG')).toBe(true);
    return (error as Error).message;
  }
  return expect.unreachable('it should have been refused');
}

const NOT_A_LIMIT = 'concurrency: expected an integer ≥ 1, Infinity, or adaptive(), got ';

describe('a limit that is none is refused, by its path and with what was given', () => {
  it.each([
    [0, `${NOT_A_LIMIT}0`],
    [-1, `${NOT_A_LIMIT}-1`],
    [1.5, `${NOT_A_LIMIT}1.5`],
    [Number.NaN, `${NOT_A_LIMIT}NaN`],
    ['20', `${NOT_A_LIMIT}"20"`],
    [null, 'concurrency: expected a plain object of options, got null'],
    [{ limits: 3 }, 'concurrency.limits: unknown option; did you mean "limit"?'],
    [{ limit: { min: 1 } }, 'concurrency.limit: expected an integer ≥ 1, Infinity, or adaptive(), got an object'],
    [{ limit: 1, queue: [] }, 'concurrency.queue: expected a plain object, got an array of 0'],
    [{ limit: 1, queue: { max: -1 } }, 'concurrency.queue.max: expected an integer ≥ 0, or Infinity, got -1'],
    [{ limit: 1, weight: 0 }, 'concurrency.weight: expected an integer ≥ 1, or a function (call) => integer, got 0'],
    [{ limit: 1, ageing: 0 }, "concurrency.ageing: expected a duration above 0 ms, or 'none', got 0"],
    [
      { limit: 1, priority: 'high' },
      'concurrency.priority: expected a finite number, or a function (call) => number, got "high"',
    ],
    [{ limit: 1, fair: { by: 'tenant' } }, 'concurrency.fair.by: expected a function (call) => tenant, got "tenant"'],
    [
      { limit: 1, tools: { a: { per: 'name' } } },
      'concurrency.tools.a.per: can be said of concurrency as a whole only',
    ],
  ])('%j', (given, message) => {
    expect(messageOf(() => concurrency(given as never))).toBe(message);
  });

  it('all that is wrong at once', () => {
    const message = messageOf(() => concurrency({ limit: 0, ageing: -1, release: 'never', store: {} } as never));
    for (const path of ['limit', 'ageing', 'release', 'store']) expect(message).toContain(`concurrency.${path}:`);
  });

  it('also when it is set while it runs: then the one before stays', () => {
    const plugin = concurrency({ limit: 3 });
    for (const limit of [0, -1, Number.NaN, '9', null])
      expect(() => plugin.setLimit(limit as never)).toThrow('concurrency.limit');
    const { runner } = bench({ use: [plugin] });
    expect(() => runner.update({ concurrency: { limit: 0 } })).toThrow('concurrency.limit');
    expect(() => runner.update({ concurrency: { limits: 4 } })).toThrow('did you mean "limit"?');
  });

  it('also when it is said of a tool: by the name of the tool', async () => {
    const runner = createRunner({ use: [concurrency(1), rateLimit('1/s')], logger: silent });
    const limited = await failure(runner.call(tool('x', { concurrency: { limt: 2 } as never }, () => 1)));
    expect(limited.message).toBe('tool "x": concurrency.limt: unknown option; did you mean "limit"?');
    const rated = await failure(runner.call(tool('y', { rateLimit: '60/x' as never }, () => 1)));
    expect(rated.message).toContain('tool "y": rateLimit: expected a rate');
  });
});

describe('a rate that is none is refused', () => {
  it.each(['0/s', '60', '60 per minute', '60/min', '-1/s', '1e3/s', '', 'Infinity/s', '5/0s', '5/-1s', 60, true])(
    '%j',
    (given) => {
      expect(messageOf(() => rateLimit(given as never))).toContain('rateLimit: expected a rate');
      expect(messageOf(() => rateLimit({ tokens: given as never }))).toContain('rateLimit.tokens: expected a rate');
    },
  );

  it.each([
    [{ requests: '1/s', limits: { requests: '2/s' } }, 'rateLimit.limits.requests: is said by "requests" already'],
    [{ requests: '1/s', burst: 0 }, 'rateLimit.burst: expected an integer ≥ 1, got 0'],
    [{ requests: '1/s', mode: 'throw' }, "rateLimit.mode: expected 'wait' or 'reject', got \"throw\""],
    [{ requests: '1/s', cost: -1 }, 'rateLimit.cost: expected a finite number ≥ 0, got -1'],
    [
      { requests: '1/s', cost: { requests: Number.NaN } },
      'rateLimit.cost.requests: expected a finite number ≥ 0, got NaN',
    ],
    [
      { requests: '1/s', queue: { order: 'lifo' } },
      'rateLimit.queue.order: waiting for a rate is first come, first served',
    ],
  ])('%j', (given, message) => {
    expect(messageOf(() => rateLimit(given as never))).toBe(message);
  });

  it('and so is a pause that is none', () => {
    expect(messageOf(() => rateLimit('1/s').pause('all', 'soon' as never))).toContain('pause: ms: expected a duration');
  });
});

describe('a cost that is none fails its call, and says why', () => {
  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY, undefined, null, { tokens: '5' }, { tokens: Number.NaN }])(
    '%j',
    async (cost) => {
      const rates = rateLimit({ requests: '10/s', cost: () => cost as never });
      const { clock, runner } = bench({ use: [rates] });
      const error = await clock.until(failure(runner.call(tool('x', {}, () => 1))));
      expect(error).toMatchObject({
        code: 'INTERCEPTOR',
        message: 'Interceptor "rateLimit" could not tell what a call costs',
      });
      expect(error.cause).toBeInstanceOf(Error);
    },
  );

  it('and what work settles must be numbers that make sense: else its call fails, and nothing is corrected', async () => {
    const rates = rateLimit({ tokens: '100/m', cost: { tokens: 10 } });
    const { clock, runner } = bench({ use: [rates] });
    for (const tokens of [-1, Number.NaN, '5', Number.POSITIVE_INFINITY]) {
      const settling = tool('x', {}, (_: undefined, ctx) => ctx.settle({ tokens: tokens as number }));
      const error = await clock.until(failure(runner.call(settling)));
      expect(error.message).toContain('settle.tokens: expected a finite number ≥ 0');
    }
    expect(rates.stats()['all']?.dimensions['tokens']?.remaining).toBe(60);
  });

  it("of a dimension that there is not, it is nobody's business", async () => {
    const rates = rateLimit({ tokens: '100/m', cost: { tokens: 10 } });
    const { clock, runner } = bench({ use: [rates] });
    await clock.until(runner.call(tool('x', {}, (_: undefined, ctx) => ctx.settle({ pages: 1_000, toString: 5 }))));
    expect(rates.stats()['all']?.dimensions['tokens']?.remaining).toBe(90);
  });
});

describe('a door that is none is refused', () => {
  it.each([
    [{}, 'admission.max: expected an integer ≥ 1, got undefined'],
    [{ max: 0 }, 'admission.max: expected an integer ≥ 1, got 0'],
    [5, 'admission: expected a plain object { max }, got 5'],
    [{ max: 5, shed: 'oldest' }, "admission.shed: expected 'newest', 'lowest-priority', or adaptive(), got \"oldest\""],
  ])('%j', (given, message) => {
    expect(messageOf(() => admission(given as never))).toBe(message);
  });
});

describe('a limit that finds itself between what is no range is refused', () => {
  it.each([
    [{ min: 5, max: 2 }, 'adaptive.min: expected no more than max (2), got 5'],
    [{ minn: 5 }, 'adaptive.minn: unknown option; did you mean "min"?'],
  ])('%j', (given, message) => {
    expect(messageOf(() => adaptive(given as never))).toBe(message);
  });
});
