import { type Context, createRunner, type Tool, tool } from '@sluice/core';
import { simulate, virtualClock } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { timeout } from './index.ts';
import { nothingIsLeft, times } from './timeout-bench.test-kit.ts';
import { failure, hang, workbench } from './workbench.test-kit.ts';

nothingIsLeft();

/** Tools in one another, each with its limit: `level0` is the outermost. */
function nest(limits: readonly number[], seen?: Map<string, unknown>): Tool<unknown, unknown> {
  let inner: Tool<unknown, unknown> | undefined;
  for (let level = limits.length - 1; level >= 0; level--) {
    const next = inner;
    const name = `level${level}`;
    inner = tool(name, { timeout: limits[level] as number }, async (_: unknown, { call, signal }: Context) => {
      try {
        return await (next === undefined ? hang(signal) : call(next));
      } catch (error) {
        seen?.set(name, error);
        throw error;
      }
    });
  }
  return inner as Tool<unknown, unknown>;
}

describe('nested timeouts', () => {
  it.each([1, 2, 3, 10, 50])(
    '%d deep, equal: the outermost owns the error, and all inside are cancelled',
    async (deep) => {
      const { clock, runner, of } = workbench({ use: [timeout()] });
      const error = await clock.until(failure(runner.call(nest(times(deep, () => 100)))));
      expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'tool:level0' });
      const verdicts = of('verdict').map(({ name, status }) => `${name} ${status}`);
      expect(verdicts.toSorted()).toEqual(
        times(deep, (n) => `level${n} ${n === 0 ? 'timeout' : 'cancelled'}`).toSorted(),
      );
      expect(clock.now()).toBe(100);
    },
  );

  it('crossed, 1 to 50 deep: the earliest owns its error, and no other converts it', async () => {
    await simulate({
      runs: 200,
      async program({ clock, integer }) {
        const limits = times(integer(1, 50), () => integer(1, 200));
        const owner = limits.indexOf(Math.min(...limits));
        const { runner, of } = workbench({ clock, use: [timeout()] });
        const seen = new Map<string, unknown>();
        const error = await failure(runner.call(nest(limits, seen)));
        expect(clock.now()).toBe(limits[owner]);
        expect(error).toMatchObject({
          code: 'TIMEOUT',
          scope: `tool:level${owner}`,
          details: { limitMs: limits[owner] },
        });
        return () => {
          const expected = limits.map((_, n) => (n < owner ? 'failed' : n === owner ? 'timeout' : 'cancelled'));
          const byName = new Map(of('verdict').map(({ name, status }) => [name, status]));
          expect(limits.map((_, n) => byName.get(`level${n}`))).toEqual(expected);
          // Outside it the very same error is seen; inside only that it was stopped, because of it.
          for (const [name, one] of seen) {
            const level = Number(name.slice(5));
            if (level < owner) expect(one).toBe(error);
            else if (level === limits.length - 1) expect(one).toBe(error);
            else expect(one).toMatchObject({ code: 'CANCELLED', cause: error });
          }
        };
      },
    });
  }, 60_000);

  it('10,000 deep neither overflow nor hang', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock, use: [timeout()] });
    // The outer of two that are equal, in the midst of longer ones.
    const limits = times(10_000, (n) => (n === 7_000 || n === 9_000 ? 100 : 200));
    const error = await clock.until(failure(runner.call(nest(limits))));
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'tool:level7000' });
    expect(clock.now()).toBe(100);
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
  }, 120_000);
});
