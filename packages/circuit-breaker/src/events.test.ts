import { createRunner, tool } from '@sluice/core';
import { virtualClock } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { bench, ending, failure, keeping, nothingIsLeft } from './acceptance.test-kit.ts';
import { circuitBreaker } from './index.ts';

nothingIsLeft();

const ONE = { window: { type: 'consecutive', size: 1 }, openFor: '1s', probes: 1 } as const;
const down = tool('service', {}, () => Promise.reject(new Error('down')));
const well = tool('service', {}, () => 'fine');

describe('what happens to a circuit is told', () => {
  it('on the call that made it happen, with the reason in words', async () => {
    const { clock, runner, of, events } = bench({ use: [circuitBreaker(ONE)] });
    await ending(runner.call(down));
    await ending(runner.call(well));
    await clock.advance(1_000);
    await runner.call(well);
    const told = events.filter(({ type }) => type.startsWith('circuit.'));
    expect(told.map(({ type }) => type)).toEqual([
      'circuit.open',
      'circuit.reject',
      'circuit.half-open',
      'circuit.close',
    ]);
    const circuit = 'tool:service';
    expect(of('circuit.open')).toMatchObject([
      { circuit, state: 'open', from: 'closed', because: 'a call failed', retryAfterMs: 1_000, name: 'service', at: 0 },
    ]);
    expect(of('circuit.reject')).toMatchObject([
      { circuit, state: 'open', because: 'a call failed', retryAfterMs: 1_000, mode: 'enforce' },
    ]);
    expect(of('circuit.half-open')).toMatchObject([{ circuit, from: 'open', because: 'its time was over', at: 1_000 }]);
    expect(of('circuit.close')).toMatchObject([{ circuit, from: 'half-open', because: 'the probe succeeded' }]);
    expect(new Set(told.map((event) => (event as { runId?: string }).runId)).size).toBe(3);
  });

  it('at the next call, when no call made it happen: of several things only where they led', async () => {
    const breaker = circuitBreaker(ONE);
    const { clock, runner, events } = bench({ use: [breaker] });
    await runner.call(well);
    breaker.trip('tool:service');
    breaker.reset('tool:service');
    breaker.isolate('tool:service');
    await clock.advance(10_000);
    expect(events.filter(({ type }) => type.startsWith('circuit.'))).toEqual([]);
    await ending(runner.call(well));
    const told = events.filter(({ type }) => type.startsWith('circuit.'));
    expect(told).toMatchObject([
      { type: 'circuit.open', from: 'closed', state: 'isolated', because: 'isolated by hand' },
      { type: 'circuit.reject', state: 'isolated' },
    ]);
    expect('retryAfterMs' in (told[0] as object)).toBe(false);
    breaker.reset('tool:service');
    await runner.call(well);
    expect(events.at(-4)).not.toMatchObject({ type: 'circuit.reject' });
    expect(events.filter(({ type }) => type === 'circuit.close')).toMatchObject([
      { from: 'isolated', because: 'reset by hand' },
    ]);
  });

  it('in the log at info, changes only', async () => {
    const { lines, logger } = keeping();
    const clock = virtualClock();
    const runner = createRunner({ use: [circuitBreaker(ONE)], clock, logger });
    await ending(runner.call(down));
    await ending(runner.call(well));
    await clock.advance(1_000);
    await runner.call(well);
    expect(lines.filter((line) => line.startsWith('info'))).toHaveLength(3);
    for (const type of ['circuit.open', 'circuit.half-open', 'circuit.close'])
      expect(lines.filter((line) => line.includes(type) && line.startsWith('info'))).toHaveLength(1);
  });

  it('a restored state is told once, and one that is what it was is not', async () => {
    const breaker = circuitBreaker(ONE);
    const { runner, of } = bench({ use: [breaker] });
    await ending(runner.call(down));
    const snapshot = breaker.snapshot();
    breaker.restore(snapshot);
    await ending(runner.call(well));
    expect(of('circuit.open')).toHaveLength(1);
    breaker.reset('tool:service');
    breaker.restore(snapshot);
    await ending(runner.call(well));
    expect(of('circuit.open')).toMatchObject([{}, { from: 'open', because: 'a call failed' }]);
  });
});

describe('a fault beside a call harms no call, and is told', () => {
  it('when a formula for open times throws: it stays open for the usual time', async () => {
    const openFor = {
      delay: () => {
        throw new Error('no formula');
      },
      longest: () => 1,
      describe: () => 'broken',
    };
    const breaker = circuitBreaker({ ...ONE, openFor });
    const { runner, of } = bench({ use: [breaker] });
    await ending(runner.call(down));
    expect((await failure(runner.call(well))).retryAfterMs).toBe(30_000);
    expect(of('warning')).toHaveLength(1);
    expect(String(of('warning')[0]?.['message' as never])).toContain('circuitBreaker');
    breaker.trip('tool:another');
    expect(breaker.state('tool:another')).toBe('open');
    await ending(runner.call(tool('another', {}, () => 'fine')));
    expect(of('warning')).toHaveLength(1);
  });

  it('when a function that tells circuits apart throws: the call fails, by the name of the plugin', async () => {
    const per = () => {
      throw new Error('no key');
    };
    const { runner } = bench({ use: [circuitBreaker({ per, name: 'guard' })] });
    const error = await failure(runner.call(well));
    expect(error).toMatchObject({ code: 'INTERCEPTOR', cause: { message: 'no key' } });
    expect(error.message).toContain('"guard"');
  });
});
