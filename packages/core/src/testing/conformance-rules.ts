import { of, throwError } from 'rxjs';
import type { Context } from '../context.ts';
import { isSluiceError } from '../errors/sluice-error.ts';
import type { SluiceEvent } from '../events.ts';
import type { Runner } from '../runner.ts';
import { tool } from '../tool.ts';
import { scripted } from './scripted.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** What a rule is checked with: a runner that has the interceptor in its stack, and everything that the runner told. */
interface ConformanceBench {
  readonly runner: Runner;
  readonly clock: VirtualClock;
  readonly events: readonly SluiceEvent[];
  /** The names of the interceptors under test. */
  readonly names: readonly string[];
}

/** A rule, and how to see whether it is kept: throws when it is not. */
export interface ConformanceRule {
  readonly rule: string;
  check(bench: ConformanceBench): Promise<void>;
}

type Ended = { readonly value: unknown } | { readonly error: unknown };

/** An hour: more than any interceptor should wait in a test. */
const LONG = 3_600_000;

/** The rules that every interceptor keeps, in the order of their importance. */
export const CONFORMANCE_RULES: readonly ConformanceRule[] = [
  { rule: 'a rejection is a failure with a typed error, never an empty success', check: checkRejections },
  { rule: 'each run of next() is a fresh attempt, counted from 1', check: checkAttempts },
  {
    rule: 'unsubscribing cancels what is inside, with the reason unchanged, and nothing starts after it',
    check: checkCancelling,
  },
  { rule: 'nothing starts in a call that was cancelled before it began', check: checkCancelledBefore },
  { rule: 'what belongs to one call does not get into another', check: checkApart },
  { rule: 'a stream passes in order, item by item, and may be left early', check: checkStreams },
  { rule: 'no signal is made unless somebody reads it', check: checkFrugal },
  { rule: 'each call has one verdict, and each start an end', check: checkBalance },
];

async function checkRejections({ runner, clock, names }: ConformanceBench): Promise<void> {
  const own = new Error('own');
  const ways: Record<string, () => unknown> = {
    'throws at once': () => {
      throw own;
    },
    rejects: () => Promise.reject(own),
    'is an Observable that fails': () => throwError(() => own),
    'throws no Error': () => {
      throw 'own';
    },
  };
  for (const [way, work] of Object.entries(ways)) {
    const ended = await end(clock, runner.call(tool('failing', {}, work)));
    if ('value' in ended) {
      assert(ended.value !== undefined, `work that ${way} was turned into a success without a value`);
      continue;
    }
    const { error } = ended;
    const typed = error === own || isSluiceError(error);
    assert(
      typed,
      `work that ${way} was turned into an error that is neither its own nor one of Sluice: ${String(error)}`,
    );
    if (isSluiceError(error, 'INTERCEPTOR')) {
      const { interceptor } = error.details;
      assert(names.includes(String(interceptor)), `its InterceptorError names "${String(interceptor)}" instead of it`);
    }
  }
}

async function checkAttempts({ runner, clock }: ConformanceBench): Promise<void> {
  const attempts: number[] = [];
  const work = (_: unknown, { attempt }: Context): unknown => {
    attempts.push(attempt);
    if (attempts.length < 3) throw Object.assign(new Error('try again'), { code: 'ECONNRESET' });
    return 'done';
  };
  await end(clock, runner.call(tool('repeated', {}, work)));
  const expected = attempts.map((_, index) => index + 1);
  assert(attempts.join() === expected.join(), `the attempts that the work saw were ${attempts.join(', ')}`);
}

async function checkCancelling({ runner, clock }: ConformanceBench): Promise<void> {
  const reason = new Error('enough');
  const controller = new AbortController();
  const seen: { signal?: AbortSignal; calls: number } = { calls: 0 };
  const hang = tool('hanging', {}, (_, { signal }) => {
    seen.signal = signal;
    seen.calls++;
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  });
  const ended = outcome(runner.call(hang, undefined, { signal: controller.signal }));
  await clock.advance(1);
  const { calls } = seen;
  controller.abort(reason);
  const result = await clock.until(ended);
  await clock.advance(LONG);
  assert(seen.calls === calls, 'an attempt was started after the call had been cancelled');
  if (seen.signal === undefined || seen.signal.reason !== reason) {
    assert(
      seen.signal === undefined,
      `the work's signal has the reason ${String(seen.signal?.reason)} instead of the caller's`,
    );
    return;
  }
  assert('error' in result && isSluiceError(result.error, 'CANCELLED'), 'a cancelled call did not end as CANCELLED');
}

async function checkCancelledBefore({ runner, clock }: ConformanceBench): Promise<void> {
  const work = scripted([{ do: 'succeed', value: 1 }], { clock });
  await end(clock, runner.call(tool('never', {}, work), undefined, { signal: AbortSignal.abort(new Error('before')) }));
  assert(work.calls === 0, 'the work of a call was started that had been cancelled before it began');
}

async function checkApart({ runner, clock }: ConformanceBench): Promise<void> {
  const echo = tool('echo', {}, (n: number) => sleep(clock, (n * 7) % 11).then(() => ({ n })));
  const calls = Array.from({ length: 20 }, (_, n) => outcome(runner.call(echo, n)));
  const ended = await clock.until(Promise.all(calls));
  ended.forEach((one, n) => {
    const value = 'value' in one ? one.value : undefined;
    const mixed = typeof value === 'object' && value !== null && 'n' in value && value.n !== n;
    assert(!mixed, `the call with input ${n} got the result of another`);
  });
}

async function checkStreams({ runner, clock }: ConformanceBench): Promise<void> {
  const items = [1, 2, 3, 4, 5];
  const stream = tool('stream', {}, () => scripted([{ do: 'emit', items, every: 1 }], { clock })());
  const observable = tool('observable', {}, () => of(...items));
  for (const one of [stream, observable]) {
    const got: unknown[] = [];
    const ended = await clock.until(
      new Promise<Ended>((resolve) => {
        runner.stream(one).subscribe({
          next: (item) => got.push(item),
          error: (error: unknown) => resolve({ error }),
          complete: () => resolve({ value: got.length }),
        });
      }),
    );
    if ('error' in ended) {
      assert(isSluiceError(ended.error), `a stream was turned into ${String(ended.error)}`);
      continue;
    }
    const passed = got.filter((item) => items.includes(item as number));
    assert(passed.join() === items.slice(0, passed.length).join(), `the items 1, 2, 3, 4, 5 came as ${got.join(', ')}`);
  }
  const subscription = runner.stream(stream).subscribe({ error: () => {} });
  await clock.advance(2);
  subscription.unsubscribe();
  await clock.runAll();
}

async function checkFrugal({ runner, clock }: ConformanceBench): Promise<void> {
  const Real = globalThis.AbortController;
  let made = 0;
  class Counted extends Real {
    constructor() {
      super();
      made++;
    }
  }
  globalThis.AbortController = Counted;
  try {
    await end(clock, runner.call(tool('plain', {}, async () => 1)));
  } finally {
    globalThis.AbortController = Real;
  }
  assert(made === 0, `${made} signals were made, and nobody had asked for one`);
}

async function checkBalance({ runner, clock, events }: ConformanceBench): Promise<void> {
  const fails = scripted([{ do: 'fail' }, { do: 'succeed', value: 1, after: 5 }], { clock });
  await end(clock, runner.call(tool('balanced', {}, fails)));
  await clock.runAll();
  const count = (type: string): number => events.filter((event) => event.type === type).length;
  const starts = count('tool.start');
  assert(starts === count('tool.end'), `${starts} calls were started, and ${count('tool.end')} ended`);
  assert(starts === count('verdict'), `${starts} calls had ${count('verdict')} verdicts`);
  assert(count('attempt.start') === count('attempt.end'), 'an attempt was started that has not ended');
  assert(runner.stats().running === 0, `${runner.stats().running} calls are still running`);
}

/** How a call ends, on a clock that is moved until it does. */
function end(clock: VirtualClock, call: PromiseLike<unknown>): Promise<Ended> {
  return clock.until(outcome(call));
}

function outcome(call: PromiseLike<unknown>): PromiseLike<Ended> {
  return call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

function sleep(clock: VirtualClock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.schedule(ms, resolve));
}

function assert(kept: boolean, message: string): asserts kept {
  if (!kept) throw new Error(message);
}
