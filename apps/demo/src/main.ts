import { setTimeout as sleep } from 'node:timers/promises';
import { createRunner, defineInterceptor, isSluiceError, Place, type Runner, tool, within } from '@sluice/core';
import { retry } from 'rxjs';

// Four tools that misbehave, each under the same small stack, and what the runner says about them.

const attempt = defineInterceptor({
  name: 'attempt',
  priority: Place.attempt,
  intercept: (call, next) => within(call, { limit: 300, name: 'attempt', scope: 'attempt', retryable: true }, next),
});

const total = defineInterceptor({
  name: 'total',
  priority: Place.total,
  intercept: (call, next) => within(call, { limit: 1_000, name: 'total' }, next),
});

const again = defineInterceptor({
  name: 'again',
  priority: Place.retry,
  intercept: (call, next) => next(call).pipe(retry(2)),
});

const flaky = tool('flaky', { description: 'fails twice, then answers' }, async (_: undefined, { attempt }) => {
  if (attempt < 3) throw new Error(`no luck in attempt ${attempt}`);
  return `answered in attempt ${attempt}`;
});

const hangs = tool('hangs', { description: 'hangs, but stops when it is told to' }, async (_: undefined, ctx) => {
  ctx.onCleanup(() => console.log('       · hangs: its connection is closed'));
  await sleep(60_000, undefined, { signal: ctx.signal });
});

const streams = tool(
  'streams',
  { description: 'streams, and then stops answering' },
  async function* (_: undefined, { signal }) {
    for (const word of ['the', 'first', 'five', 'words', 'arrive']) {
      await sleep(40, undefined, { signal });
      yield word;
    }
    await sleep(60_000, undefined, { signal });
  },
);

const deaf = tool('deaf', { description: 'pays no attention to its signal' }, async () => {
  await sleep(1_400);
  return 'too late';
});

const runner = createRunner({ use: [total, again, attempt] });
console.log(`${runner.explain().text}\n`);
tell(runner);

for (const one of [flaky, hangs, streams, deaf]) {
  console.log(`\n${one.name}: ${one.description}`);
  const outcome = await runner.call(one).catch((error: unknown) => error);
  console.log(`  = ${describe(outcome)}`);
}
console.log('\nWhat is still alive now:', alive());
await sleep(1_000);
console.log('What is alive a second later:', alive());

/** Prints what happens, as it happens. */
function tell({ events$ }: Runner): void {
  events$.subscribe((event) => {
    if (event.type === 'attempt.end')
      console.log(`  attempt ${event.attempt}: ${event.status} after ${Math.round(event.durationMs)} ms`);
    if (event.type === 'orphan') console.log(`  orphan: attempt ${event.attempt} of ${event.name} has not stopped`);
    if (event.type === 'orphan.end') console.log(`  orphan ended: attempt ${event.attempt} of ${event.name}`);
    if (event.type === 'late')
      console.log(`  late: a ${event.what} of ${event.name} came after the verdict, and is dropped`);
  });
}

function describe(outcome: unknown): string {
  if (!isSluiceError(outcome)) return String(outcome);
  const partial = outcome.partial === undefined ? '' : `; it had achieved ${JSON.stringify(outcome.partial)}`;
  return `${outcome.message}${partial}`;
}

function alive(): string {
  const { running, orphans, late } = runner.stats();
  return `${running} calls, ${orphans} orphans; ${late} values came too late`;
}
