import { expect, it } from 'vitest';
import { defineInterceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { reportFault } from './report-fault.ts';
import { createRunner } from './runner.ts';
import { recorder, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';

function bench(cause?: unknown) {
  const clock = virtualClock();
  const lines: unknown[][] = [];
  const note = (...line: unknown[]) => void lines.push(line);
  const careful = defineInterceptor({
    name: 'careful',
    priority: Place.observe,
    intercept(call, next) {
      reportFault(call, 'careful', 'met something odd', cause);
      return next(call);
    },
  });
  const runner = createRunner({ clock, use: [careful], logger: { debug() {}, info() {}, warn: note, error: note } });
  return { clock, lines, runner };
}

it('what goes wrong beside a call is said, names the interceptor, and leaves the call as it is', async () => {
  const own = new Error('own');
  const { clock, lines, runner } = bench(own);
  const recorded = recorder(runner);
  expect(await clock.until(runner.call(tool('work', {}, async () => 42)))).toBe(42);
  await clock.runAll();
  recorded.stop();
  const said = JSON.stringify(lines.filter((line) => JSON.stringify(line).includes('INTERCEPTOR')));
  expect(said).toContain('Interceptor \\"careful\\" met something odd');
  expect(said).toContain('own');
  expect(recorded.events.map(({ type }) => type)).toContain('warning');
});

it('is said without a cause where there is none', async () => {
  const { clock, lines, runner } = bench();
  await clock.until(runner.call(tool('work', {}, async () => 42)));
  await clock.runAll();
  expect(JSON.stringify(lines)).toContain('met something odd');
  expect(JSON.stringify(lines)).not.toContain('cause');
});
