import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Gcra } from './gcra.ts';
import type { Meter } from './meter.ts';
import { PAUSED, RateGate } from './rate-gate.ts';
import { SlidingWindow } from './sliding-window.ts';

const REQUESTS = { limit: 10, perMs: 1_000 };
const TOKENS = { limit: 1_000, perMs: 10_000 };
const DAY = { limit: 40, perMs: 86_400 };

type Algorithm = 'gcra' | 'sliding-window';
const ALGORITHMS: readonly Algorithm[] = ['gcra', 'sliding-window'];

function metersOf(algorithm: Algorithm): { requests: Meter; tokens: Meter; day: Meter } {
  if (algorithm === 'gcra') {
    return { requests: new Gcra(REQUESTS, 5), tokens: new Gcra(TOKENS, 200), day: new Gcra(DAY, 40) };
  }
  return { requests: new SlidingWindow(REQUESTS), tokens: new SlidingWindow(TOKENS), day: new SlidingWindow(DAY) };
}

/** What is left in each dimension. */
function leftOf(gate: RateGate, now: number): Record<string, number> {
  const { dimensions } = gate.stats(now);
  return Object.fromEntries(Object.entries(dimensions).map(([name, { remaining }]) => [name, remaining]));
}

describe.each(ALGORITHMS)('a gate of several rates by %s', (algorithm) => {
  const gateOf = (): RateGate => new RateGate(metersOf(algorithm));

  it('takes of all or of none, and says which one is short and for how long', () => {
    const gate = gateOf();
    expect(gate.take({ requests: 1, tokens: 200, day: 1 }, 0)).toEqual({ ok: true });
    gate.settle({ tokens: 200 }, { tokens: 1_000 }, 0);
    const before = gate.stats(0);
    const refused = gate.take({ requests: 1, tokens: 50, day: 1 }, 0);
    expect(refused).toMatchObject({ ok: false, dimension: 'tokens' });
    expect(gate.stats(0)).toEqual(before);
    expect(gate.take({ requests: 1, day: 1 }, 0)).toEqual({ ok: true });
  });

  it('never takes of one without the others, refuses a millisecond too early, and lets through at the time it said', () => {
    const call = fc.record({
      after: fc.oneof(fc.constant(0), fc.nat(400), fc.nat(100_000)),
      requests: fc.nat(6),
      tokens: fc.nat(1_200),
      day: fc.nat(3),
      patient: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
        const gate = gateOf();
        // The same meters, asked one by one.
        const alone = Object.entries(metersOf(algorithm));
        let now = 0;
        for (const { after, patient, ...costs } of calls) {
          now += after;
          const waits = alone.map(([name, meter]) => meter.wait(costs[name as keyof typeof costs], now));
          const answer = gate.take(costs, now);
          expect(answer.ok ? 0 : answer.waitMs).toBe(Math.max(...waits));
          if (!answer.ok) {
            expect(waits[alone.findIndex(([name]) => name === answer.dimension)]).toBe(answer.waitMs);
            expect(leftOf(gate, now)).toEqual(Object.fromEntries(alone.map(([n, m]) => [n, m.stats(now).remaining])));
            if (!patient) continue;
            expect(gate.take(costs, now + answer.waitMs - 1).ok).toBe(false);
            now += answer.waitMs;
            expect(gate.take(costs, now).ok).toBe(true);
          }
          for (const [name, meter] of alone) meter.take(costs[name as keyof typeof costs], now);
          expect(leftOf(gate, now)).toEqual(Object.fromEntries(alone.map(([n, m]) => [n, m.stats(now).remaining])));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('gives back what did not go, so that nothing is lost and nothing is won', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ requests: fc.nat(2), tokens: fc.nat(80), day: fc.nat(2) }), { maxLength: 20 }),
        (calls) => {
          const gate = gateOf();
          const taken = calls.filter((costs) => gate.take(costs, 7).ok);
          for (const costs of taken) gate.giveBack(costs, 7, 7);
          expect(leftOf(gate, 7)).toEqual(leftOf(gateOf(), 7));
          expect(gate.idle(7)).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('gives nothing back of what would be over by now', () => {
    const gate = gateOf();
    const costs = { requests: 4 };
    for (const now of [0, 2_000]) expect(gate.take(costs, now).ok).toBe(true);
    const before = leftOf(gate, 2_000);
    gate.giveBack(costs, 2_000, 0);
    gate.settle(costs, { requests: 0 }, 2_000, 0);
    expect(leftOf(gate, 2_000)).toEqual(before);
    gate.settle(costs, { requests: 3 }, 2_000, 2_000);
    gate.giveBack({ requests: 3 }, 2_000, 2_000);
    expect(leftOf(gate, 2_000)).toEqual(leftOf(gateOf(), 2_000));
  });

  it('corrects what was reserved by what it really was, as if that had been known', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ reserved: fc.nat(300), actual: fc.nat(300) }), { minLength: 1, maxLength: 20 }),
        (calls) => {
          const [gate, other] = [gateOf(), gateOf()];
          for (const { reserved, actual } of calls) {
            gate.settle({}, { tokens: reserved }, 0);
            gate.settle({ requests: 1, tokens: reserved }, { tokens: actual }, 0, 0);
            other.settle({}, { tokens: actual }, 0);
          }
          expect(leftOf(gate, 0)).toEqual(leftOf(other, 0));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('leaves as it is what settling says nothing of, or nothing that is an amount', () => {
    const gate = gateOf();
    const costs = { requests: 2, tokens: 100, day: 1 };
    gate.take(costs, 0);
    const before = gate.stats(0);
    for (const actual of [{}, { tokens: Number.NaN }, { tokens: -1 }, { requests: Number.POSITIVE_INFINITY }]) {
      gate.settle(costs, actual, 0, 0);
    }
    expect(gate.stats(0)).toEqual(before);
    gate.settle(costs, { tokens: 0 }, 0, 0);
    expect(leftOf(gate, 0)['tokens']).toBe(leftOf(gateOf(), 0)['tokens']);
  });

  it('lets nobody through while it is paused, and takes nothing then', () => {
    const gate = gateOf();
    gate.pause(5_000, 0);
    expect(gate.take({ requests: 1 }, 0)).toEqual({ ok: false, waitMs: 5_000, dimension: PAUSED });
    expect(gate.take({}, 4_999)).toEqual({ ok: false, waitMs: 1, dimension: PAUSED });
    expect(leftOf(gate, 4_999)).toEqual(leftOf(gateOf(), 4_999));
    expect(gate.take({ requests: 1 }, 5_000)).toEqual({ ok: true });
  });

  it('does not let a pause be shortened', () => {
    const gate = gateOf();
    gate.pause(5_000, 0);
    for (const ms of [0, -1, Number.NaN, 1_000, Number.NEGATIVE_INFINITY]) gate.pause(ms, 100);
    expect(gate.pausedFor(100)).toBe(4_900);
    gate.pause(5_000, 100);
    expect(gate.pausedFor(100)).toBe(5_000);
    expect(gate.pausedFor(5_100)).toBe(0);
  });

  it('waits for whatever is longest, a pause or a rate', () => {
    const gate = gateOf();
    gate.settle({}, { tokens: 5_000 }, 0);
    gate.pause(100, 0);
    expect(gate.take({ tokens: 1 }, 0)).toMatchObject({ dimension: 'tokens' });
    gate.pause(1_000_000, 0);
    expect(gate.take({ tokens: 1 }, 0)).toEqual({ ok: false, waitMs: 1_000_000, dimension: PAUSED });
  });

  it('heeds what the service says of each dimension, and of none that it does not have', () => {
    const gate = gateOf();
    gate.correct({ tokens: { remaining: 100, resetMs: 30_000 }, weather: { remaining: 0, resetMs: 1 } }, 0);
    expect(gate.take({ requests: 1, tokens: 101 }, 0)).toEqual({ ok: false, waitMs: 30_000, dimension: 'tokens' });
    expect(gate.take({ requests: 1, tokens: 100 }, 0)).toEqual({ ok: true });
    expect(gate.take({ requests: 1, tokens: 1 }, 29_999)).toMatchObject({ waitMs: 1 });
    expect(gate.take({ requests: 1, tokens: 1 }, 30_000)).toEqual({ ok: true });
  });

  it('is never refused by a service whose answers it heeds, though that allows less than it was told', () => {
    // A service of fixed windows, which allows half.
    const service = { left: 5, until: 1_000 };
    const gate = gateOf();
    let refused = 0;
    let passed = 0;
    for (let now = 0; now < 60_000; now += 5) {
      if (now >= service.until) Object.assign(service, { left: 5, until: service.until + 1_000 });
      if (!gate.take({ requests: 1 }, now).ok) continue;
      if (service.left === 0) refused++;
      else service.left--;
      passed++;
      gate.correct({ requests: { remaining: service.left, resetMs: service.until - now } }, now);
    }
    expect([refused, passed]).toEqual([0, 300]);
  });

  it('is as good as new when every dimension is and no pause holds', () => {
    const gate = gateOf();
    expect(gate.idle(0)).toBe(true);
    gate.take({ tokens: 100 }, 0);
    expect(gate.idle(0)).toBe(false);
    expect(gate.idle(100_000)).toBe(true);
    gate.pause(10, 100_000);
    expect([gate.idle(100_009), gate.idle(100_010)]).toEqual([false, true]);
    gate.correct({ day: { remaining: 1_000, resetMs: 10 } }, 100_010);
    expect([gate.idle(100_019), gate.idle(100_020)]).toEqual([false, true]);
  });

  it('has under 50 MB after 5,000 calls at 5,000 a minute on each of 20 keys', () => {
    const before = process.memoryUsage();
    const rate = { limit: 5_000, perMs: 60_000 };
    const gates = Array.from({ length: 20 }, () => {
      return new RateGate({ requests: algorithm === 'gcra' ? new Gcra(rate, 5_000) : new SlidingWindow(rate) });
    });
    let passed = 0;
    for (let index = 0; index < 5_000; index++) {
      for (const gate of gates) if (gate.take({ requests: 1 }, index).ok) passed++;
    }
    const after = process.memoryUsage();
    expect(passed).toBe(100_000);
    expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(50 * 2 ** 20);
  });
});

describe('a gate of several rates', () => {
  it('does not mistake for a cost what every object has', () => {
    const names = ['constructor', 'toString', '__proto__', '0'];
    const gate = new RateGate(Object.fromEntries(names.map((name) => [name, new SlidingWindow(REQUESTS)])));
    expect([...gate.names].sort()).toEqual([...names].sort());
    expect(gate.take({}, 0)).toEqual({ ok: true });
    gate.settle({}, {}, 0);
    gate.correct({}, 0);
    expect(Object.values(leftOf(gate, 0))).toEqual([10, 10, 10, 10]);
    gate.take(Object.fromEntries(names.map((name) => [name, 4])), 0);
    expect(Object.keys(gate.stats(0).dimensions).sort()).toEqual([...names].sort());
    expect(Object.values(leftOf(gate, 0))).toEqual([6, 6, 6, 6]);
  });

  it('without any rate lets everything through that is not paused', () => {
    const gate = new RateGate({});
    expect(gate.take({ requests: 1e9 }, 0)).toEqual({ ok: true });
    gate.pause(1, 0);
    expect(gate.take({}, 0)).toEqual({ ok: false, waitMs: 1, dimension: PAUSED });
  });
});
