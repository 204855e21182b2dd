import { tool } from '@sluice/core';
import { leakLedger } from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { bench, ending, nothingIsLeft } from './acceptance.test-kit.ts';
import { circuitBreaker } from './index.ts';

nothingIsLeft();

const KEY = 'tool:service';
const well = tool('service', {}, () => 'fine');
const down = tool('service', {}, () => Promise.reject(new Error('down')));

async function setUp() {
  const breaker = circuitBreaker({ window: { type: 'consecutive', size: 1 }, openFor: '1s', probes: 1 });
  const made = bench({ use: [breaker] });
  await made.runner.call(well);
  const heard: string[] = [];
  const listen = () => breaker.state$(KEY).subscribe((state) => heard.push(`${state} @ ${made.clock.now()}`));
  return { breaker, heard, listen, ...made };
}

describe('state$', () => {
  it('tells what it is now, and each change when it comes, also one that time alone brings', async () => {
    const { clock, runner, heard, listen } = await setUp();
    const listening = listen();
    await clock.advance(10);
    await ending(runner.call(down));
    await clock.advance(5_000);
    await runner.call(well);
    expect(heard).toEqual(['closed @ 0', 'open @ 10', 'half-open @ 1010', 'closed @ 5010']);
    listening.unsubscribe();
    await ending(runner.call(down));
    expect(heard).toHaveLength(4);
  });

  it('has a timer only while somebody listens, and time will change it', async () => {
    const { breaker, listen } = await setUp();
    const ledger = leakLedger();
    const first = listen();
    const second = listen();
    ledger.assertEmpty();
    breaker.trip(KEY);
    expect(ledger.left().timers).toBe(1);
    breaker.trip(KEY, '5s');
    expect(ledger.left().timers).toBe(1);
    first.unsubscribe();
    expect(ledger.left().timers).toBe(1);
    second.unsubscribe();
    ledger.assertEmpty();
    const third = listen();
    expect(ledger.left().timers).toBe(1);
    breaker.isolate(KEY);
    ledger.assertEmpty();
    third.unsubscribe();
  });

  it('follows one that is tripped again to its later time', async () => {
    const { breaker, clock, heard, listen } = await setUp();
    const listening = listen();
    breaker.trip(KEY, '1s');
    await clock.advance(500);
    breaker.trip(KEY, '1s');
    await clock.advance(2_000);
    expect(heard).toEqual(['closed @ 0', 'open @ 0', 'half-open @ 1500']);
    listening.unsubscribe();
  });

  it('tells whoever comes later what it is then, though nobody has called meanwhile', async () => {
    const { breaker, clock, heard, listen } = await setUp();
    breaker.trip(KEY);
    await clock.advance(1_000);
    listen().unsubscribe();
    expect(heard).toEqual(['half-open @ 1000']);
  });

  it('tells everybody of one thing before the next, whatever they do when they hear of it', async () => {
    const { breaker } = await setUp();
    const heard: string[] = [];
    const first = breaker.state$(KEY).subscribe((state) => {
      heard.push(`first ${state}`);
      if (state === 'open') breaker.isolate(KEY);
    });
    const second = breaker.state$(KEY).subscribe((state) => heard.push(`second ${state}`));
    heard.length = 0;
    breaker.trip(KEY);
    expect(heard).toEqual(['first open', 'second open', 'first isolated', 'second isolated']);
    first.unsubscribe();
    second.unsubscribe();
  });

  it('of a key that nobody has called yet tells of its first call, also when that has another clock', async () => {
    const breaker = circuitBreaker({ openFor: '1s' });
    const heard: string[] = [];
    const listening = breaker.state$(KEY).subscribe((state) => heard.push(state));
    breaker.trip(KEY);
    const { clock, runner } = bench({ use: [breaker] });
    expect(await ending(runner.call(well))).toBe('CIRCUIT_OPEN');
    await clock.advance(999);
    expect(heard).toEqual(['closed', 'open']);
    await clock.advance(1);
    expect(heard).toEqual(['closed', 'open', 'half-open']);
    listening.unsubscribe();
  });
});
