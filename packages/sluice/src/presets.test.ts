import { readFileSync } from 'node:fs';
import { circuitBreaker } from '@sluice/circuit-breaker';
import { createRunner, explain, isSluiceError, stack, tool } from '@sluice/core';
import { leakLedger, scripted, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PresetName, presets } from './presets.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

const names = ['llm', 'http', 'subprocess', 'etl'] as const satisfies readonly PresetName[];
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

describe.each(names)('the preset %s', (name) => {
  it('has no finding of the order check', () => {
    const { findings } = explain(
      stack([...presets[name]()]),
      tool('work', {}, () => 1),
    );
    expect(findings).toEqual([]);
  });

  it('is explained in the README as it explains itself', () => {
    const { text } = explain(
      stack([...presets[name]()]),
      tool('work', {}, () => 1),
    );
    expect(readme).toContain(text);
  });

  it('lets work through, and leaves nothing behind', async () => {
    const clock = virtualClock();
    const runner = createRunner({ use: presets[name](), clock });
    const work = tool('work', {}, scripted([{ do: 'succeed', value: 42, after: 10 }], { clock }));
    expect(await clock.until(runner.call(work))).toBe(42);
  });

  it('tries again what fails by chance', async () => {
    const clock = virtualClock();
    const runner = createRunner({ use: presets[name](), clock });
    const work = tool('work', {}, scripted([{ do: 'fail' }, { do: 'succeed', value: 42 }], { clock }));
    expect(await clock.until(runner.call(work))).toBe(42);
  });

  it('ends what hangs', async () => {
    const clock = virtualClock();
    const runner = createRunner({ use: presets[name](), clock });
    const work = tool('work', {}, scripted([{ do: 'hang' }], { clock }));
    const error: unknown = await clock.until(runner.call(work).catch((thrown: unknown) => thrown));
    expect(isSluiceError(error) && error.verdict).toBe('timeout');
    await clock.runAll();
  });

  it('is made anew each time: two runners share nothing', () => {
    const [first, second] = [presets[name](), presets[name]()];
    for (const plugin of first) expect(second).not.toContain(plugin);
  });
});

describe('what is said in place of a preset', () => {
  const entries = (plugins: ReturnType<typeof presets.llm>) =>
    Object.fromEntries(
      explain(
        stack([...plugins], { acknowledge: ['retry-without-deadline'] }),
        tool('work', {}, () => 1),
      ).entries.map(({ name, place, options }) => [
        `${name} at ${place}`,
        Object.fromEntries(Object.entries(options).map(([key, { value }]) => [key, value])),
      ]),
    );

  it('replaces option by option', () => {
    const said = entries(presets.llm({ retry: { attempts: 2 }, timeout: { attempt: '5s' } }));
    expect(said['retry at retry']).toMatchObject({ attempts: 2, backoff: expect.anything() });
    expect(said['timeout at total']).toMatchObject({ total: 180_000, attempt: 5_000 });
  });

  it('may be a value in place of options', () => {
    const said = entries(
      presets.llm({ retry: 2, timeout: '90s', concurrency: 3, rateLimit: '60/m', heartbeat: '20s' }),
    );
    expect(said['retry at retry']).toMatchObject({ attempts: 2 });
    expect(said['timeout at total']).toMatchObject({ total: 90_000, attempt: 60_000 });
    expect(said['concurrency at concurrency']).toMatchObject({ limit: 3 });
    expect(Object.keys(said)).toEqual(expect.arrayContaining(['rateLimit at rate', 'heartbeat at attempt']));
  });

  it("leaves out a plugin with 'none'", () => {
    const said = entries(presets.http({ timeout: 'none', circuitBreaker: 'none', concurrency: 'none' }));
    expect(Object.keys(said)).toEqual(['retry at retry']);
  });

  it('may be a plugin of your own making, to keep hold of', async () => {
    const clock = virtualClock();
    const breaker = circuitBreaker({ window: { type: 'consecutive', size: 1 } });
    const runner = createRunner({ use: presets.http({ circuitBreaker: breaker, retry: 'none' }), clock });
    await clock.until(runner.call(tool('work', {}, scripted([{ do: 'fail' }], { clock }))).catch(() => {}));
    expect(breaker.state('tool:work')).toBe('open');
  });

  it.each(names)('may be a total shorter than an attempt of the preset %s: then two attempts fit', (name) => {
    const said = entries(presets[name]({ timeout: '2s' }));
    expect(said['timeout at attempt']).toMatchObject({ total: 2_000, attempt: 1_000 });
    expect(entries(presets[name]({ timeout: { total: '2s', attempt: '1500ms' } }))['timeout at attempt']).toMatchObject(
      {
        attempt: 1_500,
      },
    );
  });

  it('is checked like the options of the plugins', () => {
    expect(() => presets.llm({ retry: 0 })).toThrow(/retry.attempts: expected an integer/);
    expect(() => presets.llm({ retrys: 3 } as never)).toThrow(/presets.llm.retrys: unknown.*retry/);
    expect(() => presets.llm('fast' as never)).toThrow(/presets.llm: expected/);
  });
});
