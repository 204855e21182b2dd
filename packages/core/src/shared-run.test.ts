import { describe, expect, it } from 'vitest';
import type { Call } from './call.ts';
import type { Context } from './context.ts';
import { Flow, type Handle, type Sink } from './flow.ts';
import { defineInterceptor, type Next } from './interceptor.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import { type SharedRun, shareRun, statedIdempotencyKey } from './shared-run.ts';
import { leakLedger, virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';

/** All calls of a tool share one run, for as long as that goes on. */
function bench() {
  const clock = virtualClock();
  const runs = new Map<string, SharedRun>();
  let stated: string | undefined;
  class Sharing extends Flow {
    readonly #call: Call;
    readonly #next: Next;

    constructor(call: Call, next: Next) {
      super();
      this.#call = call;
      this.#next = next;
    }

    drive(sink: Sink): Handle | null {
      const { name } = this.#call;
      let run = runs.get(name);
      if (run === undefined) {
        run = shareRun(this.#call, this.#next, { ended: () => runs.delete(name) });
        runs.set(name, run);
      }
      return run.join(this.#call, sink);
    }

    teardownThrew(): void {}
  }
  const sharing = defineInterceptor({
    name: 'sharing',
    priority: Place.idempotency,
    intercept(call, next) {
      stated = statedIdempotencyKey(call);
      return new Sharing(call, next);
    },
  });
  const runner = createRunner({ use: [sharing], clock });
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
  return { clock, runner, sleep, stated: () => stated };
}

describe('a run that several calls share', () => {
  it('is one, and all get what it comes to', async () => {
    const ledger = leakLedger();
    const { clock, runner, sleep } = bench();
    let begun = 0;
    const load = tool('load', {}, async () => {
      begun++;
      await sleep(10);
      return begun;
    });
    const all = [runner.call(load), runner.call(load), runner.call(load)];
    expect(await clock.until(Promise.all(all))).toEqual([1, 1, 1]);
    expect(await clock.until(runner.call(load))).toBe(2);
    ledger.assertEmpty();
  });

  it('fails for all of them with the same error', async () => {
    const { clock, runner, sleep } = bench();
    const down = new Error('down');
    const load = tool('load', {}, async () => {
      await sleep(10);
      throw down;
    });
    const all = [runner.call(load), runner.call(load)].map((call) => call.catch((error: unknown) => error));
    expect(await clock.until(Promise.all(all))).toEqual([down, down]);
  });

  it('outlives who began it, and is stopped with the last that waits, for the reason of that one', async () => {
    const ledger = leakLedger();
    const { clock, runner } = bench();
    let reason: unknown;
    const hang = tool(
      'hang',
      {},
      (_: undefined, { signal }: Context) =>
        new Promise<never>((_resolve, reject) =>
          signal.addEventListener('abort', () => {
            reason = signal.reason;
            reject(signal.reason);
          }),
        ),
    );
    const calls = [10, 30].map((deadline) =>
      runner.call(hang, undefined, { deadline }).catch(({ code }: { code: string }) => [code, clock.now()]),
    );
    await clock.advance(20);
    expect(reason).toBeUndefined();
    expect(await clock.until(Promise.all(calls))).toEqual([
      ['TIMEOUT', 10],
      ['TIMEOUT', 30],
    ]);
    expect(reason).toMatchObject({ code: 'TIMEOUT' });
    ledger.assertEmpty();
  });

  it('hands to who comes late all the items that have come', async () => {
    const { clock, runner, sleep } = bench();
    const count = tool('count', {}, async function* () {
      for (let item = 1; item <= 3; item++) {
        yield item;
        await sleep(10);
      }
    });
    const first = runner.call(count);
    await clock.advance(15);
    const seen: number[] = [];
    const second = new Promise<void>((resolve) => {
      runner.stream(count).subscribe({ next: (item) => seen.push(item), complete: resolve });
    });
    await clock.advance(0);
    expect(seen).toEqual([1, 2]);
    expect(await clock.until(first)).toEqual([1, 2, 3]);
    await clock.until(second);
    expect(seen).toEqual([1, 2, 3]);
  });
});

it('a call knows the idempotency key that its caller has said', async () => {
  const { clock, runner, stated } = bench();
  const work = tool('work', {}, async () => 1);
  await clock.until(runner.call(work, undefined, { idempotencyKey: 'k' }));
  expect(stated()).toBe('k');
  await clock.until(runner.call(work));
  expect(stated()).toBeUndefined();
});
