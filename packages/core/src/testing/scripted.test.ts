import { describe, expect, it } from 'vitest';
import { createRunner } from '../runner.ts';
import { tool } from '../tool.ts';
import { scripted } from './scripted.ts';
import { virtualClock } from './virtual-clock.ts';

const caught = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);

describe('scripted', () => {
  it('does one step for each call, and the last one for ever', async () => {
    const work = scripted([{ do: 'fail', error: 'first' }, { do: 'fail' }, { do: 'succeed', value: 3 }]);
    await expect(work()).rejects.toBe('first');
    await expect(work()).rejects.toThrow('scripted failure');
    await expect(work()).resolves.toBe(3);
    await expect(work()).resolves.toBe(3);
    expect(work.calls).toBe(4);
  });

  it('counts how many go on, and how many did at once', async () => {
    const clock = virtualClock();
    const work = scripted([{ do: 'succeed', after: 10 }], { clock });
    const calls = [work(), work(), work()];
    expect(work.running).toBe(3);
    await clock.until(Promise.all(calls));
    await clock.until(work() as Promise<unknown>);
    expect([work.running, work.peak, work.calls]).toEqual([0, 3, 4]);
  });

  it('hangs until its signal says stop, or for ever when it ignores its signal', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    const polite = scripted([{ do: 'hang' }], { clock });
    const deaf = scripted([{ do: 'hang', ignoreSignal: true }], { clock });
    await clock.until(caught(runner.call(tool('polite', {}, polite), undefined, { deadline: 10 })));
    await clock.until(caught(runner.call(tool('deaf', {}, deaf), undefined, { deadline: 10 })));
    expect([polite.running, deaf.running]).toEqual([0, 1]);
    expect(runner.stats().orphans).toBe(1);
  });

  it('emits, and then ends, fails or hangs', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    const run = (then: 'end' | 'fail' | 'hang'): Promise<unknown> => {
      const work = scripted([{ do: 'emit', items: [1, 2], every: 5, then, error: 'boom' }], { clock });
      return clock.until(caught(runner.call(tool('emit', {}, work), undefined, { deadline: 100 })));
    };
    expect(await run('end')).toEqual([1, 2]);
    expect(await run('fail')).toMatchObject({ cause: 'boom' });
    expect(await run('hang')).toMatchObject({ code: 'TIMEOUT', partial: [1, 2] });
  });

  it('blocks the loop of a virtual clock', async () => {
    const clock = virtualClock();
    const work = scripted([{ do: 'block', ms: 70, value: 'done' }], { clock });
    await expect(clock.until(work() as Promise<unknown>)).resolves.toBe('done');
    expect(clock.now()).toBe(70);
  });

  it('cleans up badly when told to', async () => {
    for (const cleanup of ['throws', 'hangs', 5] as const) {
      const clock = virtualClock();
      const work = scripted([{ do: 'succeed', value: 1, cleanup }], { clock });
      await expect(clock.until(createRunner({ clock }).call(tool('work', {}, work)))).resolves.toBe(1);
      expect(work.cleaned).toBe(1);
    }
  });
});
