import { CircuitOpenError, defineInterceptor, isSluiceError, Place, pipeline, tool } from '@sluice/core';
import { scripted } from '@sluice/core/testing';
import { timeout } from '@sluice/timeout';
import { throwError } from 'rxjs';
import { expect, it } from 'vitest';
import { retry } from './retry.ts';
import { bench, failed, failure, nothingIsLeft } from './retry-bench.test-kit.ts';
import { retryRecord } from './retry-record.ts';

nothingIsLeft();

it('a stage does not begin anew while a tool that it has called goes on as an orphan, and ends all the same', async () => {
  const { clock, runner } = bench(
    { tools: { deaf: 'none' } },
    { beside: [...timeout({ total: 'none', tools: { deaf: { attempt: 100 } } })] },
  );
  const work = scripted([{ do: 'succeed', after: 3_000, ignoreSignal: true }], { clock });
  const deaf = tool('deaf', {}, work);
  const run = runner.run(pipeline('p').stage('outer', (_, { call }) => call(deaf)));
  const report = await clock.until(run.report);
  expect(report.stages.outer).toMatchObject({ status: 'failed', attempts: 1 });
  await clock.runAll();
  expect(work.calls).toBe(1);
});

it('what an attempt has failed with is recorded with the time when it failed, not when it was given up', async () => {
  const { clock, runner } = bench({ backoff: 20 }, { beside: [...timeout({ total: 'none', attempt: 100 })] });
  const work = scripted([{ do: 'succeed', after: 1_000, ignoreSignal: true }], { clock });
  const error = await clock.until(failure(runner.call(tool('deaf', {}, work))));
  expect(retryRecord(error)).toMatchObject({ because: 'unsettled', attempts: [{ attempt: 1, error, atMs: 100 }] });
  expect(retryRecord(error)?.attempts[0]).not.toHaveProperty('delayMs');
  await clock.runAll();
});

it('the time to come back that the last error names is that of RETRY_EXHAUSTED, whatever error it is', async () => {
  const { clock, runner } = bench({ attempts: 2, backoff: 10, respectRetryAfter: false });
  const busy = failed({ status: 429, headers: { 'retry-after': '2' } });
  const error = await clock.until(
    failure(runner.call(tool('busy', {}, scripted([{ do: 'fail', error: busy }], { clock })))),
  );
  expect(isSluiceError(error, 'RETRY_EXHAUSTED') && error.retryAfterMs).toBe(2_000);
});

it('a retry of a single attempt leaves it to the one around it', async () => {
  const { clock, runner } = bench({ attempts: 3, backoff: 1, tools: { down: 1 } });
  const work = scripted([{ do: 'fail', error: failed({ status: 503 }) }], { clock });
  const down = tool('down', {}, work);
  await clock.until(runner.run(pipeline('p').stage('outer', (_, { call }) => call(down))).report);
  expect(work.calls).toBe(3);
});

it('who stops the call when it hears of a wait is not told of that wait once more', async () => {
  const stop = new AbortController();
  let told = 0;
  const { clock, runner } = bench({ backoff: 50, onRetry: () => void told++ });
  runner.events$.subscribe(({ type }) => {
    if (type === 'retry.wait') stop.abort(new Error('enough'));
  });
  const down = tool('down', {}, scripted([{ do: 'fail' }], { clock }));
  await expect(clock.until(runner.call(down, undefined, { signal: stop.signal }))).rejects.toMatchObject({
    code: 'CANCELLED',
  });
  expect(told).toBe(0);
});

it('of very many attempts the first and the last are remembered', async () => {
  const { clock, runner } = bench({ attempts: 1_000, backoff: 0, budget: 'none' });
  const down = tool('down', {}, scripted([{ do: 'fail' }], { clock }));
  const error = await clock.until(failure(runner.call(down)));
  const attempts = retryRecord(error)?.attempts.map(({ attempt }) => attempt) ?? [];
  expect(attempts.length).toBe(100);
  expect([attempts[0], attempts.at(-1)]).toEqual([1, 1_000]);
  expect(error).toMatchObject({ message: expect.stringContaining('failed 1000 times') });
});

it('no budget at all has to be said', () => {
  expect(() => retry({ budget: [] })).toThrow(/retry.budget: expected a budget such as retryBudget\(\)/);
});

it('a refusal of this process, after attempts that were made, has what the last of them failed with as its cause', async () => {
  const busy = failed({ status: 503 });
  let calls = 0;
  const refuse = defineInterceptor({
    name: 'refuse',
    priority: Place.breaker,
    intercept: (call, next) =>
      ++calls === 1 ? next(call) : throwError(() => new CircuitOpenError('open: 1 call in a row failed')),
  });
  const { clock, runner } = bench({ backoff: 10 }, { beside: [refuse] });
  const error = await clock.until(
    failure(runner.call(tool('down', {}, scripted([{ do: 'fail', error: busy }], { clock })))),
  );
  expect(error).toMatchObject({ code: 'CIRCUIT_OPEN', cause: busy });
});

it('an error that is never tried again tells why by its record, and is no news', async () => {
  const { clock, runner, of } = bench({ retryOn: () => true });
  const gone = failed({ status: 404 });
  const error = await clock.until(
    failure(runner.call(tool('gone', {}, scripted([{ do: 'fail', error: gone }], { clock })))),
  );
  expect(retryRecord(error)).toMatchObject({ because: 'error', reason: 'status 404 is permanent' });
  expect(of('retry.giveup')).toEqual([]);
});

it('who comes from another library is told what an option is called here', () => {
  expect(() => retry({ retries: 3 } as never)).toThrow(
    'retry.retries: unknown option; it is "attempts", which counts the first one too, here',
  );
});
