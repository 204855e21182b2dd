import {
  type Call,
  createRunner,
  type Interceptor,
  type PartialResult,
  pipeline,
  stack,
  type TargetKind,
  tool,
  wrap,
} from '@sluice/core';
import { timeout } from '@sluice/timeout';
import { describe, expectTypeOf, it } from 'vitest';
import {
  type BudgetStats,
  constant,
  decorrelated,
  exponential,
  type FailedAttempt,
  type GiveUp,
  linear,
  type RetryNotice,
  type RetryOptions,
  type RetryPlugin,
  type RetryPolicy,
  type RetryRecord,
  type RetryStats,
  retry,
  retryBudget,
  retryLater,
  retryOn,
  retryRecord,
} from './index.ts';

const runner = createRunner({ use: [...timeout(), retry()] });

describe('the types of retry', () => {
  it('take a number of attempts, nothing, none, or options', () => {
    expectTypeOf(retry()).toEqualTypeOf<RetryPlugin>();
    expectTypeOf(retry(5)).toExtend<Interceptor>();
    retry('none');
    retry({});
    retry({ attempts: Number.POSITIVE_INFINITY });
    // @ts-expect-error: no number
    retry('3');
    // @ts-expect-error: no options
    retry([3]);
    // @ts-expect-error: no options
    retry(null);
    // @ts-expect-error: no option
    retry({ atempts: 3 });
    // @ts-expect-error: no text
    retry({ attempts: '3' });
  });

  it('take a backoff, a duration or a function of attempt and error', () => {
    retry({ backoff: exponential({ base: '100ms', factor: 3, max: '10s', jitter: 'equal' }) });
    retry({ backoff: constant('1s') });
    retry({ backoff: linear(100, '5s') });
    retry({ backoff: decorrelated({ base: 100 }) });
    retry({ backoff: '1s' });
    retry({ backoff: 0 });
    retry({
      backoff: (attempt, error) => {
        expectTypeOf(attempt).toEqualTypeOf<number>();
        expectTypeOf(error).toEqualTypeOf<unknown>();
        return attempt * 100;
      },
    });
    // @ts-expect-error: no duration
    retry({ backoff: 'soon' });
    // @ts-expect-error: an answer must not be promised
    retry({ backoff: async () => 5 });
    // @ts-expect-error: no jitter
    exponential({ jitter: 'some' });
  });

  it('take what says which errors are tried again, alone and in a list', () => {
    retry({ retryOn: retryOn.status(503) });
    retry({ retryOn: [retryOn.defaults, (error) => error instanceof RangeError] });
    retry({
      retryOn: (error, call) => {
        expectTypeOf(error).toEqualTypeOf<unknown>();
        expectTypeOf(call).toEqualTypeOf<Call>();
        return true;
      },
    });
    // @ts-expect-error: a promise is no answer
    retry({ retryOn: async () => true });
    // @ts-expect-error: no classifier
    retry({ retryOn: 503 });
  });

  it('take budgets, or none', () => {
    retry({ budget: retryBudget({ size: 10 }) });
    retry({ budget: [retryBudget(), retryBudget({ per: 'all' })] });
    retry({ budget: 'none' });
    // @ts-expect-error: no budget
    retry({ budget: 100 });
    // @ts-expect-error: none is said alone
    retry({ budget: [retryBudget(), 'none'] });
  });

  it('take the rest as it is documented', () => {
    retry({ respectRetryAfter: true });
    retry({ respectRetryAfter: '1m', timeoutFactor: 2, overlap: 'wait', restartable: true, idempotent: false });
    retry({ onRetry: (notice) => expectTypeOf(notice).toEqualTypeOf<RetryNotice>() });
    retry({ attempts: undefined, backoff: undefined, retryOn: undefined, budget: undefined, onRetry: undefined });
    // @ts-expect-error: neither of the three
    retry({ overlap: 'yes' });
    // @ts-expect-error: no flag
    retry({ restartable: 'yes' });
    // @ts-expect-error: no number
    retry({ timeoutFactor: '2' });
  });

  it('take layers by kind, stage and tool, and what every plugin takes', () => {
    retry({ kinds: { agent: 5 }, stages: { publish: 'none' }, tools: { search: { overlap: true } } });
    retry({ name: 'again', priority: 51, applies: 'tool' });
    retry({ applies: ({ target }) => target === 'stage' });
    expectTypeOf<NonNullable<RetryOptions['applies']>>().extract<string>().toEqualTypeOf<TargetKind>();
    // @ts-expect-error: no kind
    retry({ kinds: { robot: 3 } });
    // @ts-expect-error: a layer has no layers
    retry({ tools: { search: { kinds: {} } } });
    // @ts-expect-error: only the plugin as a whole has a name
    retry({ tools: { search: { name: 'x' } } });
  });

  it('are the policies of stages, tools, functions, pipelines and single calls', () => {
    const search = tool('search', { retry: { attempts: 5, retryOn: retryOn.status(503) } }, async (q: string) => q);
    tool('search', { retry: 'none' }, async (q: string) => q);
    pipeline('p', { retry: 2 }).stage('s', { retry: { backoff: '1s' } }, async () => 1);
    runner.wrap(async (n: number) => n, { retry: 5 });
    void runner.call(search, 'q', { retry: 1 });
    expectTypeOf<RetryPolicy>().toExtend<number | 'none' | object>();
    // @ts-expect-error: no policy
    tool('search', { retry: 'often' }, async (q: string) => q);
    // @ts-expect-error: no option
    tool('search', { retry: { atempts: 5 } }, async (q: string) => q);
    // @ts-expect-error: layers belong to the plugin
    tool('search', { retry: { tools: {} } }, async (q: string) => q);
  });

  it('leave the types of what they stand around alone', async () => {
    const count = tool('count', { retry: 3 }, async (n: number) => ({ n }));
    expectTypeOf(await runner.call(count, 1)).toEqualTypeOf<{ n: number }>();
    const wrapped = wrap(async (a: number, b: string) => `${a}${b}`, retry(3));
    expectTypeOf(wrapped).toEqualTypeOf<(a: number, b: string) => Promise<string>>();
    const out = await runner.run(pipeline('p').stage('s', { retry: { restartable: true } }, async () => 1));
    expectTypeOf(out.s).toEqualTypeOf<number>();
    const executed = await stack([retry(3)]).execute(async ({ attempt }) => attempt);
    expectTypeOf(executed).toEqualTypeOf<number>();
    // What another policy says of the output holds beside it.
    const part = tool('part', { retry: 3, timeout: { total: '1s', partial: 'resolve' } }, async () => 1);
    expectTypeOf(await runner.call(part)).toEqualTypeOf<number | PartialResult>();
    // @ts-expect-error: still no text
    void runner.call(count, 'one');
  });

  it('say what is known of retries', () => {
    const plugin = retry();
    expectTypeOf(plugin.stats()).toEqualTypeOf<RetryStats>();
    expectTypeOf<RetryStats['gaveUp']>().toEqualTypeOf<Readonly<Partial<Record<GiveUp, number>>>>();
    expectTypeOf<RetryStats['budgets'][string]>().toEqualTypeOf<BudgetStats>();
    expectTypeOf(retryRecord).toEqualTypeOf<(error: unknown) => RetryRecord | undefined>();
    expectTypeOf<RetryRecord['attempts']>().toEqualTypeOf<readonly FailedAttempt[]>();
    expectTypeOf<FailedAttempt['error']>().toEqualTypeOf<unknown>();
    // @ts-expect-error: a record is read only
    (retryRecord(new Error('x')) as RetryRecord).because = 'error';
    // @ts-expect-error: no reason
    const because: GiveUp = 'bored';
    void because;
  });

  it('tell their events by type', () => {
    runner.events$.subscribe((event) => {
      if (event.type === 'retry.wait') {
        expectTypeOf(event.failed).toEqualTypeOf<number>();
        expectTypeOf(event.delayMs).toEqualTypeOf<number>();
        expectTypeOf(event.error).toEqualTypeOf<unknown>();
      }
      if (event.type === 'retry.giveup') {
        expectTypeOf(event.because).toEqualTypeOf<GiveUp>();
        expectTypeOf(event.reason).toEqualTypeOf<string>();
        // @ts-expect-error: only a wait has one
        void event.delayMs;
      }
    });
  });

  it('ask for another attempt with an Error', () => {
    expectTypeOf(retryLater({ after: '2s', reason: 'not ready' })).toEqualTypeOf<Error>();
    retryLater();
    // @ts-expect-error: for ever is never
    retryLater({ after: 'none' });
    // @ts-expect-error: no duration
    retryLater({ after: 'soon' });
  });
});
