import { describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import type { TimeoutError } from './errors/timeout-error.ts';
import { createRunner } from './runner.ts';
import { tool } from './tool.ts';

describe('real: work that blocks the loop in its first turn, and then hangs', () => {
  it('ends as soon as the loop is let go, and its timeout says how late that was', async () => {
    const work = tool('work', {}, (_: unknown, { signal }: Context) => {
      const until = performance.now() + 400;
      while (performance.now() < until);
      return new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    const from = performance.now();
    const error = await createRunner()
      .call(work, undefined, { deadline: 100 })
      .then(
        () => expect.unreachable('it should have failed'),
        (error: TimeoutError) => error,
      );
    expect(performance.now() - from).toBeLessThan(600);
    expect(error.code).toBe('TIMEOUT');
    expect(Number(error.details['elapsedMs'])).toBeGreaterThan(300);
    expect(Number(error.details['lagMs'])).toBeGreaterThan(250);
  });
});
