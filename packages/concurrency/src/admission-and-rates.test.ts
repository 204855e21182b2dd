import { type Context, tool } from '@sluice/core';
import { expect, it } from 'vitest';
import { bench, ending, sleep, times } from './acceptance.test-kit.ts';
import { admission, concurrency, rateLimit } from './index.ts';

it("a tool's own rate of 1/s lets one go in a second, whatever the burst of the shared rate", async () => {
  const { clock, runner } = bench({ use: [rateLimit({ requests: '1000/s', burst: 1_000 })] });
  const at: number[] = [];
  const slow = tool('slow', { rateLimit: '1/s' }, () => at.push(clock.now()));
  await clock.until(Promise.all(times(3, () => runner.call(slow))));
  expect(at).toEqual([0, 1_000, 2_000]);
});
it('nested calls are not refused because the queue is full of others', async () => {
  const { clock, runner } = bench({ use: [concurrency({ limit: 1, queue: { max: 5 } })] });
  const leaf = tool('leaf', {}, () => sleep(clock, 10).then(() => 'ok'));
  const outer = tool('outer', {}, async (_: unknown, { call }: Context) => {
    await sleep(clock, 1);
    return (await Promise.all([ending(call(leaf)), ending(call(leaf))])).join();
  });
  const all = [ending(runner.call(outer, 0)), ...times(5, () => ending(runner.call(leaf)))];
  expect((await clock.until(Promise.all(all)))[0]).toBe('ok,ok');
});
it('admission counts nested calls once / does not refuse calls of those inside', async () => {
  const { clock, runner } = bench({ use: [admission({ max: 1 })] });
  const leaf = tool('leaf', {}, () => sleep(clock, 10).then(() => 'ok'));
  const outer = tool('outer', {}, (_: unknown, { call }: Context) => ending(call(leaf)));
  expect(await clock.until(ending(runner.call(outer, 0)))).toBe('ok');
});
it('orphans of a stage whose tool goes on are one', async () => {
  const plugin = concurrency(1);
  const { clock, runner } = bench({ use: [plugin] });
  const deaf = tool('deaf', {}, () => sleep(clock, 1_000));
  const outer = tool('outer', {}, (_: unknown, { call }: Context) => ending(call(deaf, undefined, { deadline: 10 })));
  await clock.until(runner.call(outer, 0));
  const s = plugin.stats();
  await clock.runAll();
  expect(s).toMatchObject({ active: 1, orphans: 1 });
});
