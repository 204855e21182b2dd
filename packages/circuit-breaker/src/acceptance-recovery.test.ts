import { type Backoff, tool } from '@sluice/core';
import { timeout } from '@sluice/timeout';
import { describe, expect, it } from 'vitest';
import { bench, ending, failure, hang, nothingIsLeft, times } from './acceptance.test-kit.ts';
import { type CircuitBreakerOptions, circuitBreaker } from './index.ts';

nothingIsLeft();

type Does = 'succeed' | 'fail' | 'hang' | 'wait';

/** A tool that does as it is told, and a breaker of which one failure opens the circuit for a second. */
function setUp(options: CircuitBreakerOptions = {}, attempt: number | 'none' = 'none') {
  const breaker = circuitBreaker({ window: { type: 'consecutive', size: 1 }, openFor: '1s', ...options });
  const made = bench({ use: [timeout({ attempt }), breaker] });
  const { runner } = made;
  const script: { does: Does; calls: number; release: (() => void)[] } = { does: 'succeed', calls: 0, release: [] };
  const target = tool('target', {}, (_: undefined, { signal }) => {
    script.calls++;
    switch (script.does) {
      case 'succeed':
        return 'fine';
      case 'fail':
        throw new Error('down');
      case 'hang':
        return hang(signal);
      case 'wait':
        return new Promise<string>((resolve) => script.release.push(() => resolve('fine')));
    }
  });
  const call = (does: Does, signal?: AbortSignal): Promise<string> => {
    script.does = does;
    return ending(runner.call(target, undefined, signal === undefined ? {} : { signal }));
  };
  return { ...made, breaker, script, target, call, state: () => breaker.state('tool:target') };
}

describe('an open circuit', () => {
  it('refuses at once, and says why, when to come back, and what to do', async () => {
    const { clock, runner, target, script, call } = setUp({ window: { type: 'count', size: 10 }, failureRate: 0.6 });
    for (const does of ['succeed', 'fail', 'succeed', 'fail', 'succeed', 'fail', 'succeed', 'fail'] as const)
      await call(does);
    await call('fail');
    await call('fail');
    await clock.advance(250.5);
    const error = await failure(runner.call(target));
    expect(error.message).toBe(
      'Tool "target" was refused: circuit "tool:target" is open: 6 of 10 calls failed; try again in 750 ms',
    );
    expect(error).toMatchObject({ code: 'CIRCUIT_OPEN', scope: 'tool:target', retryAfterMs: 750, retryable: false });
    expect(error.call).toMatchObject({ target: 'tool', name: 'target', attempt: 1 });
    expect(error.details).toEqual({ circuit: 'tool:target', state: 'open', because: '6 of 10 calls failed' });
    expect(error.remediation).toContain('retryAfterMs');
    expect(error.stack?.split('\n')).toHaveLength(1);
    expect(script.calls).toBe(10);
  });

  it('whoever waits for as long as it says is let through', async () => {
    const { clock, runner, target, call } = setUp();
    await call('fail');
    await clock.advance(333.3);
    const { retryAfterMs = 0 } = await failure(runner.call(target));
    await clock.advance(retryAfterMs);
    expect(await call('succeed')).toBe('fine');
  });
});

describe('when its time is over', () => {
  it.each([1, 3, 10])('exactly %i calls pass, of 1,000 that come at once', async (probes) => {
    const { clock, script, call, state } = setUp({ probes });
    await call('fail');
    await clock.advance(1_000);
    expect(state()).toBe('half-open');
    const all = times(1_000, () => call('wait'));
    await clock.advance(0);
    expect(script.calls).toBe(1 + probes);
    for (const release of script.release) release();
    const ends = await Promise.all(all);
    expect(ends.filter((end) => end === 'fine')).toHaveLength(probes);
    expect(ends.filter((end) => end === 'CIRCUIT_OPEN')).toHaveLength(1_000 - probes);
    expect(state()).toBe('closed');
  });

  it('it closes when all of its probes succeed, and not before', async () => {
    const { clock, call, state } = setUp();
    await call('fail');
    await clock.advance(1_000);
    for (const after of ['half-open', 'half-open', 'closed']) {
      expect(await call('succeed')).toBe('fine');
      expect(state()).toBe(after);
    }
  });

  it('it opens again when one fails, be it the last, for longer if its backoff says so', async () => {
    const openFor: Backoff = {
      delay: (opening) => 1_000 * opening,
      longest: () => Number.POSITIVE_INFINITY,
      describe: () => '1 s more each time',
    };
    const { clock, call, state, runner, target } = setUp({ openFor });
    await call('fail');
    for (const waits of [1_000, 2_000, 3_000]) {
      expect((await failure(runner.call(target))).retryAfterMs).toBe(waits);
      await clock.advance(waits - 1);
      expect(state()).toBe('open');
      await clock.advance(1);
      expect([await call('succeed'), await call('succeed'), await call('fail')]).toEqual(['fine', 'fine', 'down']);
      expect(state()).toBe('open');
    }
  });

  it('for 30 s at first, growing with chance up to five minutes, unless it is said', async () => {
    const { clock, call, runner, target } = setUp({ openFor: undefined, probes: 1 });
    await call('fail');
    const waits: number[] = [];
    for (let opening = 0; opening < 8; opening++) {
      const { retryAfterMs = 0 } = await failure(runner.call(target));
      waits.push(retryAfterMs);
      await clock.advance(retryAfterMs);
      await call('fail');
    }
    expect(waits[0]).toBe(30_000);
    for (const [index, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(Math.min(150_000, 15_000 * 2 ** index));
      expect(wait).toBeLessThanOrEqual(Math.min(300_000, 30_000 * 2 ** index));
    }
    expect(new Set(waits).size).toBe(8);
  });
});

describe('a probe gives its place back', () => {
  it('when it hangs, after its lease, and so the circuit is never stuck', async () => {
    const { clock, call, state, runner, target } = setUp({ probes: 2, probeTimeout: '5s' });
    await call('fail');
    await clock.advance(1_000);
    const stop = new AbortController();
    const hung = times(2, () => call('hang', stop.signal));
    await clock.advance(4_500);
    const error = await failure(runner.call(target));
    expect(error.retryAfterMs).toBe(500);
    expect(error.message).toContain('is half-open');
    await clock.advance(500);
    expect([await call('succeed'), state(), await call('succeed'), state()]).toEqual([
      'fine',
      'half-open',
      'fine',
      'closed',
    ]);
    stop.abort();
    await Promise.all(hung);
    expect(state()).toBe('closed');
  });

  it('when it is cancelled, at once', async () => {
    const { clock, call, state } = setUp({ probes: 1 });
    await call('fail');
    await clock.advance(1_000);
    const stop = new AbortController();
    const hung = call('hang', stop.signal);
    expect(await call('succeed')).toBe('CIRCUIT_OPEN');
    stop.abort();
    await hung;
    expect([await call('succeed'), state()]).toEqual(['fine', 'closed']);
  });

  it('when it comes late, and then says nothing if it succeeds', async () => {
    const { clock, call, script, state } = setUp({ probes: 1, probeTimeout: '5s' });
    await call('fail');
    await clock.advance(1_000);
    const late = call('wait');
    await clock.advance(5_000);
    script.release[0]?.();
    expect(await late).toBe('fine');
    expect(state()).toBe('half-open');
    expect([await call('succeed'), state()]).toEqual(['fine', 'closed']);
  });

  it('when it times out: that is a failure, and opens it again', async () => {
    const { clock, call, state } = setUp({ probes: 2 }, 200);
    await call('fail');
    await clock.advance(1_000);
    expect(await clock.until(call('hang'))).toBe('TIMEOUT');
    expect(state()).toBe('open');
  });

  it('when it is refused further in, and nothing has begun', async () => {
    const { clock, runner, call, state, breaker } = setUp({ probes: 1 });
    await call('fail');
    await clock.advance(1_000);
    const never = tool('target', { input: { '~standard': refusing } as never }, () => 'never');
    expect(await ending(runner.call(never, 'wrong' as never))).toBe('INVALID_INPUT');
    expect(breaker.stats().circuits['tool:target']?.probing).toBe(0);
    expect([await call('succeed'), state()]).toEqual(['fine', 'closed']);
  });
});

const refusing = { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'wrong' }] }) };
