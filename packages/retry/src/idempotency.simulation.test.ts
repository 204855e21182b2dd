import { createRunner, type IdempotencyMismatchError, tool } from '@sluice/core';
import { type Simulation, simulate } from '@sluice/core/testing';
import { expect, it } from 'vitest';
import { remoteStore } from './idempotency-bench.test-kit.ts';
import { idempotency } from './index.ts';
import { silent } from './retry-bench.test-kit.ts';

// Calls with few keys and few inputs come, leave and time out at random, around work that succeeds, fails, hangs, or is deaf.

interface Execution {
  readonly key: string;
  readonly input: number;
  readonly number: number;
  running: boolean;
  stopped: boolean;
}

interface Ending {
  readonly key: string;
  readonly input: number;
  readonly from: number;
  readonly at: number;
  readonly leftAt: number;
  readonly value?: { readonly number: number };
  readonly error?: { readonly code?: string; readonly number?: number };
}

function world({ clock, integer, chance, pick, random }: Simulation, remote: boolean) {
  const latency = (): number => (chance(0.3) ? 0 : integer(1, 40));
  const store = remote ? remoteStore(clock, { get: latency, set: latency }) : undefined;
  const plugin = idempotency({ ttl: pick([0, 50, 'none']), ...(store === undefined ? {} : { store }) });
  const runner = createRunner({ clock, use: [plugin], logger: silent });
  const executions: Execution[] = [];
  const endings: Ending[] = [];
  const waiting = new Map<string, number>();
  const work = tool('work', {}, async ({ input }: { input: number }, { signal, idempotencyKey: key }) => {
    const execution: Execution = { key, input, number: executions.length, running: true, stopped: false };
    const other = executions.find((one) => one.running && one.key === key);
    executions.push(execution);
    expect(other, `two at once under "${key}"`).toBeUndefined();
    expect(waiting.get(key), `nobody waits under "${key}"`).toBeGreaterThan(0);
    const deaf = chance(0.2);
    const took = integer(0, 120);
    const fails = random() < 0.3;
    try {
      await new Promise<void>((resolve, reject) => {
        const cancel = clock.schedule(took, resolve);
        signal.addEventListener('abort', () => {
          execution.stopped = true;
          if (deaf) return;
          cancel();
          reject(signal.reason);
        });
      });
      if (fails) throw Object.assign(new Error('failed'), { number: execution.number });
      return { number: execution.number };
    } finally {
      execution.running = false;
    }
  });
  const call = async (key: string): Promise<void> => {
    const input = chance(0.9) ? 1 : 2;
    const stop = new AbortController();
    const deadline = chance(0.3) ? integer(1, 150) : 100_000;
    const from = clock.now();
    const stopAfter = chance(0.3) ? integer(0, 120) : undefined;
    if (stopAfter !== undefined) clock.schedule(stopAfter, () => stop.abort());
    waiting.set(key, (waiting.get(key) ?? 0) + 1);
    const leftAt = from + Math.min(deadline, stopAfter ?? Number.POSITIVE_INFINITY);
    const told = { key, input, from, leftAt };
    try {
      const value = await runner.call(work, { input }, { idempotencyKey: key, deadline, signal: stop.signal });
      endings.push({ ...told, at: clock.now(), value: value as { number: number } });
    } catch (error) {
      endings.push({ ...told, at: clock.now(), error: error as IdempotencyMismatchError });
    }
    const left = (waiting.get(key) as number) - 1;
    waiting.set(key, left);
    // What nobody waits for any more is stopped.
    if (left === 0) for (const one of executions) if (one.key === key && one.running) expect(one.stopped).toBe(true);
  };
  return { plugin, runner, executions, endings, call };
}

it.each([
  ['in memory', false],
  ['elsewhere', true],
])(
  'with a store %s no two executions of a key overlap, each gets what its own came to, and nothing is left',
  async (_, remote) => {
    const seen = { joined: 0, replayed: 0, mismatched: 0, stopped: 0, failed: 0, cancelled: 0 };
    await simulate({
      runs: 250,
      seed: remote ? 1 : 100_000,
      async program(simulation) {
        const { clock, integer, pick } = simulation;
        const { plugin, runner, executions, endings, call } = world(simulation, remote);
        const count = integer(2, 20);
        const calls = Array.from({ length: count }, async () => {
          await new Promise<void>((resolve) => clock.schedule(integer(0, 300), resolve));
          await call(pick(['a', 'a', 'b']));
        });
        await Promise.all(calls);
        return () => {
          expect(endings).toHaveLength(count);
          for (const { key, input, value, error, at, leftAt } of endings) {
            const number = value?.number ?? error?.number;
            if (number !== undefined) {
              // What it got is what an execution of its own key and input came to, which nobody has stopped.
              expect(executions[number]).toMatchObject({ key, input, stopped: false });
            } else if (error?.code === 'TIMEOUT' || error?.code === 'CANCELLED') {
              // Nobody is stopped by anybody but himself; the last that leaves stays for the grace.
              expect(at).toBeGreaterThanOrEqual(leftAt);
              expect(at).toBeLessThanOrEqual(leftAt + 50);
              seen.cancelled++;
            } else {
              expect(error?.code).toBe('IDEMPOTENCY_MISMATCH');
            }
          }
          const { run, joined, replayed, mismatched, underWay } = plugin.stats();
          expect(underWay).toBe(0);
          expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
          expect(executions.every(({ running }) => !running)).toBe(true);
          expect(executions.length).toBeLessThanOrEqual(run);
          seen.joined += joined;
          seen.replayed += replayed;
          seen.mismatched += mismatched;
          seen.stopped += executions.filter(({ stopped }) => stopped).length;
          seen.failed += endings.filter(({ error }) => error?.number !== undefined).length;
        };
      },
    });
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(20);
  },
);
