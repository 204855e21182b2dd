import { retry } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import type { SluiceEvent } from './events.ts';
import { defineInterceptor } from './interceptor.ts';
import { createRunner } from './runner.ts';
import { virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';
import { withContext } from './with-context.ts';
import { wrap } from './wrap.ts';

describe('the context', () => {
  it('tells the work who it is, which attempt this is, and what it was called with', async () => {
    const look = tool('look', { kind: 'agent' }, (_: { q: string }, context: Context) => {
      const { name, kind, attempt, input, previous } = context;
      return { name, kind, attempt, input, previous };
    });
    await expect(createRunner().call(look, { q: 'x' })).resolves.toEqual({
      name: 'look',
      kind: 'agent',
      attempt: 1,
      input: { q: 'x' },
      previous: undefined,
    });
  });

  it('has methods that work when they are taken off it', async () => {
    const events: SluiceEvent[] = [];
    const runner = createRunner();
    runner.events$.subscribe((event) => events.push(event));
    const cleaned: string[] = [];
    const inner = tool('inner', {}, () => 'inner');
    const work = tool(
      'work',
      {},
      async (_: unknown, { onCleanup, use, partial, emit, call, onLate, stream }: Context) => {
        onCleanup(() => void cleaned.push('cleanup'));
        use({ [Symbol.dispose]: () => void cleaned.push('dispose') });
        onLate(() => {});
        partial({ so: 'far' });
        emit('saved', { rows: 7 });
        const streamed: unknown[] = [];
        stream(inner).subscribe((value) => streamed.push(value));
        return [await call(inner), ...streamed];
      },
    );
    await expect(runner.call(work)).resolves.toEqual(['inner', 'inner']);
    expect(cleaned).toEqual(['dispose', 'cleanup']);
    expect(events.find(({ type }) => type === 'user.saved')).toMatchObject({ data: { rows: 7 }, name: 'work' });
    expect(events.some(({ type }) => type === 'partial')).toBe(true);
  });

  it('makes one signal, when it is first read, and aborts none after success', async () => {
    let context: Context | undefined;
    const work = withContext((given: Context) => {
      context = given;
      const { signal } = given;
      return given.signal === signal;
    });
    await expect(wrap(work)()).resolves.toBe(true);
    expect(context?.signal.aborted).toBe(false);
  });

  it('gives one idempotency key to all attempts of a call, and another to each call', async () => {
    const runner = createRunner();
    const keys = tool('keys', {}, (_: unknown, { idempotencyKey }: Context) => idempotencyKey);
    const [one, two] = [await runner.call(keys), await runner.call(keys)];
    expect(one).not.toBe(two);
    await expect(runner.call(keys, undefined, { idempotencyKey: 'mine' })).resolves.toBe('mine');
  });

  it('takes ids from the caller, and makes its own otherwise, from the chance of the clock', async () => {
    const ids = tool('ids', {}, (_: unknown, { runId, correlationId }: Context) => [runId, correlationId]);
    const given = await createRunner().call(ids, undefined, { runId: 'run-1', correlationId: 'request-1' });
    expect(given).toEqual(['run-1', 'request-1']);
    const made = async (): Promise<string[]> => createRunner({ clock: virtualClock({ seed: 7 }) }).call(ids);
    const [runId, correlationId] = await made();
    expect(correlationId).toBe(runId);
    expect(await made()).toEqual([runId, correlationId]);
  });

  it('keeps the last good partial result when one cannot be copied, and says so', async () => {
    const warnings: string[] = [];
    const logger = { debug() {}, info() {}, error() {}, warn: (_: object, message = '') => warnings.push(message) };
    const clock = virtualClock();
    const runner = createRunner({ clock, logger });
    const work = tool('work', {}, (_: unknown, { partial }: Context) => {
      partial({ good: true });
      partial({ bad: () => {} });
      return new Promise<void>((resolve) => clock.schedule(1_000, resolve));
    });
    const error = await clock.until(runner.call(work, undefined, { deadline: 10 }).catch((thrown: unknown) => thrown));
    expect(error).toMatchObject({ partial: { good: true } });
    expect(warnings[0]).toContain('cannot be copied');
    await clock.runAll();
  });

  it('pays no attention to what work reports after its end', async () => {
    const events: SluiceEvent[] = [];
    const runner = createRunner();
    runner.events$.subscribe((event) => events.push(event));
    let later: Context['partial'] | undefined;
    await runner.call(
      tool('work', {}, (_: unknown, { partial }: Context) => {
        later = partial;
      }),
    );
    later?.('too late');
    expect(events.some(({ type }) => type === 'partial')).toBe(false);
  });

  it('hands what the attempt before had achieved to the next one, which begins with nothing', async () => {
    const again = defineInterceptor({
      name: 'again',
      priority: 50,
      intercept: (call, next) => next(call).pipe(retry(2)),
    });
    const seen: unknown[] = [];
    const work = tool('work', {}, async (_: unknown, { attempt, previous, partial }: Context) => {
      seen.push(previous?.partial);
      if (attempt === 1) partial({ page: 3 });
      if (attempt < 3) throw new Error('no');
    });
    await createRunner({ use: [again] }).call(work);
    expect(seen).toEqual([undefined, { page: 3 }, undefined]);
  });
});
