import { leakLedger, seededRandom, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ScopeStatus, type TimeoutScope, timeoutScope } from './timeout-scope.ts';
import { failure, hang } from './workbench.test-kit.ts';

let ledger = leakLedger();
let clock = virtualClock();
beforeEach(() => {
  ledger = leakLedger();
  clock = virtualClock();
});
afterEach(() => ledger.assertEmpty());

const statuses = (...scopes: readonly TimeoutScope[]): ScopeStatus[] => scopes.map(({ status }) => status);

/** Budgets for benchmark → phase → command. */
const budgets = (benchmarkMs: number | 'none', phaseMs: number | 'none', commandMs: number | 'none') => {
  const benchmark = timeoutScope('benchmark', { timeout: benchmarkMs, clock });
  const phase = benchmark.child('phase', { timeout: phaseMs });
  const command = phase.child('command', { timeout: commandMs });
  return { benchmark, phase, command, all: [benchmark, phase, command] as const };
};

describe('benchmark → phase → command budgets', () => {
  it('end a command that is too slow, and leave phase and benchmark alone', async () => {
    const { benchmark, phase, command, all } = budgets(600_000, 60_000, 5_000);
    const work = command.run(({ signal, partial }) => {
      void partial;
      command.partial({ installed: 3 });
      return hang(signal);
    });
    const error = await clock.until(failure(work));
    expect(clock.now()).toBe(5_000);
    expect(error).toMatchObject({ code: 'TIMEOUT', scope: 'benchmark/phase/command', partial: { installed: 3 } });
    expect(statuses(...all)).toEqual(['active', 'active', 'timeout']);
    expect([phase.remaining('command'), phase.remaining(), benchmark.remaining()]).toEqual([0, 55_000, 595_000]);
    benchmark.complete();
  });

  it('let no child outlive its parent, whatever it was promised', async () => {
    for (const promised of [100, 1_000, 5_000, 'none'] as const) {
      clock = virtualClock();
      const { benchmark, phase, command, all } = budgets(1_000, promised, promised);
      expect(command.remaining()).toBe(promised === 100 ? 100 : 1_000);
      expect(phase.remaining()).toBe(command.remaining());
      await clock.advance(1_000);
      expect(statuses(...all)).toEqual(['timeout', 'timeout', 'timeout']);
      expect(command.error?.scope).toBe(promised === 100 ? 'benchmark/phase' : 'benchmark');
      expect(benchmark.elapsed()).toBe(1_000);
      expect(command.elapsed()).toBe(promised === 100 ? 100 : 1_000);
    }
  });

  it('are as long as what is around them where nothing is said, and the grace is inherited', async () => {
    const benchmark = timeoutScope('benchmark', { timeout: '10m', grace: '2s', clock });
    await clock.advance(60_000);
    const phase = benchmark.child('phase');
    expect([phase.remaining(), phase.settings.graceMs]).toEqual([540_000, 2_000]);
    expect(phase.child('command', { timeout: '1m', grace: 0 }).settings.graceMs).toBe(0);
    expect(timeoutScope('other', { timeout: 'none', parent: phase }).settings.graceMs).toBe(2_000);
    expect(timeoutScope('plain', { timeout: 0, clock }).settings.graceMs).toBe(50);
    benchmark.cancel();
  });

  it('are timed out by the limit around them, cancelled by a cancel around them, and cancelled when that completes', async () => {
    const timedOut = budgets(100, 'none', 'none');
    await clock.advance(100);
    expect(statuses(...timedOut.all)).toEqual(['timeout', 'timeout', 'timeout']);
    expect(timedOut.command.error).toBe(timedOut.benchmark.error);
    const cancelled = budgets(100, 'none', 'none');
    cancelled.benchmark.cancel('enough');
    expect(statuses(...cancelled.all)).toEqual(['cancelled', 'cancelled', 'cancelled']);
    expect(cancelled.command.error).toMatchObject({ code: 'CANCELLED', cause: 'enough' });
    const completed = budgets(100, 'none', 'none');
    completed.phase.complete();
    expect(statuses(...completed.all)).toEqual(['active', 'completed', 'cancelled']);
    completed.benchmark.complete();
  });

  it('that begin when what is around them is over are over at once, in the same way', async () => {
    const { benchmark, phase } = budgets(100, 'none', 'none');
    await clock.advance(100);
    const late = phase.child('late', { timeout: 'none' });
    expect([late.status, late.error]).toEqual(['timeout', benchmark.error]);
    const stopped = timeoutScope('stopped', { timeout: 100, clock });
    stopped.cancel();
    expect(stopped.child('late').status).toBe('cancelled');
    const done = timeoutScope('done', { timeout: 100, clock });
    done.complete();
    expect(done.child('late').status).toBe('cancelled');
  });

  it('refuse an active name twice under one parent; elsewhere, and afterwards, it is free', () => {
    const { benchmark, phase, command } = budgets('none', 'none', 'none');
    expect(() => phase.child('command')).toThrow(
      expect.objectContaining({ code: 'CONFIG', message: expect.stringContaining('"benchmark/phase"') }),
    );
    expect(() => timeoutScope('phase', { timeout: 1, parent: benchmark })).toThrow('active scope "phase"');
    expect(benchmark.child('command').path).toBe('benchmark/command');
    command.complete();
    const next = phase.child('command');
    expect([next.status, phase.get('command')]).toEqual(['active', next]);
    const roots = [timeoutScope('benchmark', { timeout: 'none', clock }), benchmark];
    expect(statuses(...roots)).toEqual(['active', 'active']);
    for (const root of roots) root.complete();
  });

  it('know 0 ms left for a name that nobody has', () => {
    const { benchmark, phase, command } = budgets('none', 'none', 500);
    expect(benchmark.remaining('unknown')).toBe(0);
    expect(benchmark.remaining('')).toBe(0);
    expect([benchmark.remaining('command'), command.remaining('benchmark')]).toEqual([500, 0]);
    expect(phase.get('command')).toBe(command);
    benchmark.complete();
  });

  it('may be switched off for debugging: nothing times out, cancel and complete still do what they do', async () => {
    const benchmark = timeoutScope('benchmark', { timeout: 100, clock, timeouts: 'off' });
    const phase = benchmark.child('phase', { timeout: 50 });
    const command = phase.child('command', { timeout: 0 });
    await clock.advance(86_400_000);
    expect(statuses(benchmark, phase, command)).toEqual(['active', 'active', 'active']);
    expect(benchmark.remaining()).toBe(Number.POSITIVE_INFINITY);
    phase.cancel();
    expect(statuses(benchmark, phase, command)).toEqual(['active', 'cancelled', 'cancelled']);
    benchmark.complete();
  });
});

describe('a scope that has timed out', () => {
  it('has cancelled what was in it, said so, kept what was achieved, and run all its handlers but for none', async () => {
    const lines: string[] = [];
    const warn = (_: object, message = ''): void => void lines.push(message);
    const logger = { debug() {}, info() {}, error() {}, warn };
    const phase = timeoutScope('phase', { timeout: '1s', clock, logger });
    const heard: string[] = [];
    phase.onTimeout(({ partial }) => heard.push(`1 ${JSON.stringify(partial)}`));
    phase.onTimeout(() => {
      throw new Error('boom');
    });
    phase.onTimeout(() => heard.push(`2 ${phase.status}`));
    const work = phase.run(({ signal }) => hang(signal));
    phase.partial({ items_processed: 5, total_items: 100 });
    expect(await clock.until(failure(work))).toMatchObject({ code: 'TIMEOUT', verdict: 'timeout' });
    expect([phase.status, phase.signal.aborted]).toEqual(['timeout', true]);
    expect(heard).toEqual(['1 {"items_processed":5,"total_items":100}', '2 timeout']);
    expect(lines).toEqual([
      'Scope "phase" exceeded its timeout of 1000 ms',
      'A timeout handler of scope "phase" threw',
    ]);
  });

  it('stays so, whatever follows; and so does one that completed or was cancelled', async () => {
    const ends: readonly [ScopeStatus, (scope: TimeoutScope) => unknown][] = [
      ['timeout', () => clock.advance(100)],
      ['completed', (scope) => scope.complete()],
      ['cancelled', (scope) => scope.cancel('first')],
    ];
    for (const [status, end] of ends) {
      const scope = timeoutScope('s', { timeout: 100, clock });
      await end(scope);
      const { error } = scope;
      for (const [, again] of ends) await again(scope);
      scope[Symbol.dispose]();
      await scope[Symbol.asyncDispose]();
      await clock.advance(1_000);
      expect([scope.status, scope.error]).toEqual([status, error]);
    }
  });

  it('keeps the status that it had first, in whatever order its end is asked for: 500 seeds', async () => {
    for (let seed = 1; seed <= 500; seed++) {
      clock = virtualClock();
      const random = seededRandom(seed);
      const { all } = budgets(Math.ceil(random() * 100), Math.ceil(random() * 100), Math.ceil(random() * 100));
      const first = new Map<TimeoutScope, ScopeStatus>();
      for (let step = 0; step < 20; step++) {
        await clock.advance(Math.floor(random() * 10));
        const scope = all[Math.floor(random() * 3)] as TimeoutScope;
        if (random() < 0.1) scope.complete();
        if (random() < 0.1) scope.cancel();
        for (const each of all) {
          const before = first.get(each);
          if (before !== undefined) expect(each.status).toBe(before);
          else if (each.status !== 'active') first.set(each, each.status);
          if (each.parent !== undefined && each.parent.status !== 'active') expect(each.status).not.toBe('active');
        }
      }
      all[0].complete();
    }
  });
});

describe('a scope that is disposed of', () => {
  it('by using completes, with what is in it, and no clock goes on', () => {
    const kept: TimeoutScope[] = [];
    {
      using benchmark = timeoutScope('benchmark', { timeout: '10m', clock });
      using phase = benchmark.child('phase', { timeout: '1m' });
      kept.push(benchmark, phase);
      expect(statuses(...kept)).toEqual(['active', 'active']);
    }
    expect(statuses(...kept)).toEqual(['completed', 'completed']);
    ledger.assertEmpty();
  });

  it('by await using stays timed out, and its handlers have ended by then', async () => {
    const heard: string[] = [];
    const use = async (): Promise<void> => {
      await using scope = timeoutScope('s', { timeout: 100, grace: '1s', clock });
      scope.onTimeout(async () => {
        await new Promise<void>((resolve) => clock.schedule(500, resolve));
        heard.push(scope.status);
      });
      await scope.run(({ signal }) => hang(signal)).catch(() => {});
      expect(heard).toEqual([]);
    };
    await clock.until(use());
    expect(heard).toEqual(['timeout']);
    expect(clock.now()).toBe(600);
  });

  it('by using when the work throws completes too: the error goes on as it was', async () => {
    const boom = new Error('boom');
    let kept: TimeoutScope | undefined;
    const use = async (): Promise<void> => {
      await using scope = timeoutScope('s', { timeout: 100, clock });
      kept = scope;
      throw boom;
    };
    await expect(use()).rejects.toBe(boom);
    expect(kept?.status).toBe('completed');
  });
});

describe('10,000 scopes', () => {
  it('in each other neither overflow nor hang: the limit of the outermost ends all, and one error names it', async () => {
    const root = timeoutScope('0', { timeout: 1_000, clock });
    const all = [root];
    for (let n = 1; n < 10_000; n++) all.push((all[n - 1] as TimeoutScope).child(String(n), { timeout: 2_000 + n }));
    let heard = 0;
    for (const scope of all) scope.onTimeout(() => heard++);
    expect(root.remaining('9999')).toBe(1_000);
    const work = (all.at(-1) as TimeoutScope).run(({ signal }) => hang(signal));
    expect(await clock.until(failure(work))).toBe(root.error);
    expect(new Set(statuses(...all))).toEqual(new Set(['timeout']));
    expect(heard).toBe(10_000);
  });

  it('in each other, each shorter than the one around it: every one ends by its own limit', async () => {
    const all = [timeoutScope('0', { timeout: 10_000, clock })];
    for (let n = 1; n < 1_000; n++) all.push((all[n - 1] as TimeoutScope).child(String(n), { timeout: 10_000 - n }));
    await clock.runAll();
    expect(all.every(({ error, path }) => error?.scope === path)).toBe(true);
    expect(all.map((scope) => scope.elapsed())).toEqual(all.map((_, n) => 10_000 - n));
  });

  it('one after the other under one parent leave nothing behind', async () => {
    const root = timeoutScope('root', { timeout: '1h', clock });
    for (let n = 0; n < 10_000; n++) {
      using command = root.child(`command ${n}`, { timeout: '1m' });
      expect(command.status).toBe('active');
    }
    expect(root.get('command 0')).toBeUndefined();
    expect(root.get('command 9999')?.status).toBe('completed');
    root.complete();
    await clock.advance(1);
    expect(clock.pending).toBe(0);
  });
});
