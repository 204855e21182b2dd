import { circuitBreaker } from '@sluice/circuit-breaker';
import { concurrency } from '@sluice/concurrency';
import {
  type Call,
  type Context,
  createRunner,
  defineInterceptor,
  driveNext,
  Flow,
  type Interceptor,
  type Next,
  Place,
  type Sink,
  type Tool,
  tool,
  within,
} from '@sluice/core';
import { type VirtualClock, virtualClock } from '@sluice/core/testing';
import { constant, retry } from '@sluice/retry';
import { heartbeat, timeout } from '@sluice/timeout';
import { catchError, defer, map, retry as rxRetry } from 'rxjs';
import { expect, it } from 'vitest';

// Interceptors of one's own that use what plugins are made of, between plugins.

const out = (p: PromiseLike<unknown>) =>
  p.then(
    (v) => ['ok', v],
    (error: { code?: string; name: string }) => [error.code ?? error.name],
  );
const hang = () => new Promise<never>(() => {});
const sleep = (clock: VirtualClock, ms: number) => new Promise<void>((r) => clock.schedule(ms, r));
const at = (priority: number, intercept: Interceptor['intercept']) =>
  defineInterceptor({ name: `at${priority}`, priority, intercept });

it('hooks around a plugin that applies by a function tell of the whole', async () => {
  const clock = virtualClock();
  const log: string[] = [];
  let n = 0;
  const o = at(Place.observe, (call, next) => {
    call.onEnd((x) => log.push(x.status));
    return next(call);
  });
  const t = tool('t', {}, async () => {
    if (n++ === 0) throw new Error('x');
  });
  await clock.until(
    out(createRunner({ clock, use: [o, retry({ attempts: 2, backoff: constant(5), applies: () => true })] }).call(t)),
  );
  expect(log).toEqual(['ok']);
});
it('hooks around a deadline set by hand: the first attempt is the first, and what settles has cleaned up', async () => {
  const clock = virtualClock();
  const log: unknown[] = [];
  const o = at(Place.observe, (call, next) => {
    call.onSettled(() => log.push(clock.now()));
    return next(call);
  });
  const w = at(Place.attempt, (call, next) => within(call, { limit: 50, name: 'attempt' }, next));
  const t = tool('t', {}, async (_: undefined, ctx) => {
    log.push(ctx.attempt);
    ctx.onCleanup(() => sleep(clock, 20));
  });
  await clock.until(out(createRunner({ clock, use: [o, w] }).call(t)));
  await clock.runAll();
  expect(log).toEqual([1, 20]);
});
it('a cancellation is neutral for a breaker in which an earlier try has timed out', async () => {
  const clock = virtualClock();
  const b = circuitBreaker();
  const rx = at(Place.observe, (call, next) => next(call).pipe(map((v) => v)));
  const again = at(Place.rate, (call, next) => next(call).pipe(rxRetry(1)));
  const ctl = new AbortController();
  clock.schedule(15, () => ctl.abort(new Error('user')));
  const r = await clock.until(
    out(
      createRunner({ clock, use: [rx, b, again, timeout({ total: 'none', attempt: 10 })] }).call(
        tool('t', {}, hang),
        undefined,
        { signal: ctl.signal },
      ),
    ),
  );
  expect([r[0], b.stats().failures]).toEqual(['CANCELLED', 0]);
});
it('after a deadline an interceptor may go in once more, without it', async () => {
  const clock = virtualClock();
  let n = 0;
  const w = at(Place.attempt, (call, next) =>
    within(call, { limit: 10, name: 'attempt' }, next).pipe(catchError(() => next(call))),
  );
  expect(
    await clock.until(
      out(createRunner({ clock, use: [w] }).call(tool('t', {}, async () => (n++ === 0 ? hang() : 42)))),
    ),
  ).toEqual(['ok', 42]);
});
it('after a deadline an interceptor may go in once more, with the call of the next attempt', async () => {
  const clock = virtualClock();
  let n = 0;
  const w = at(Place.attempt, (call, next) =>
    within(call, { limit: 10, name: 'attempt' }, next).pipe(catchError((error) => next(call.again({ error })))),
  );
  expect(
    await clock.until(
      out(createRunner({ clock, use: [w] }).call(tool('t', {}, async () => (n++ === 0 ? hang() : 42)))),
    ),
  ).toEqual(['ok', 42]);
});
it('a deadline that is set anew for each subscription is one of its own', async () => {
  const clock = virtualClock();
  let n = 0;
  const w = at(Place.attempt, (call, next) =>
    defer(() => within(call, { limit: 10, name: 'attempt' }, next)).pipe(rxRetry(1)),
  );
  expect(
    await clock.until(
      out(createRunner({ clock, use: [w] }).call(tool('t', {}, async () => (n++ === 0 ? hang() : 42)))),
    ),
  ).toEqual(['ok', 42]);
});
it('a deadline around the call of the next attempt is one of its work', async () => {
  const clock = virtualClock();
  let n = 0;
  const seen: unknown[] = [];
  const w = at(Place.attempt, (call, next) =>
    next(call).pipe(catchError((error) => within(call.again({ error }), { limit: 10, name: 'attempt' }, next))),
  );
  await clock.until(
    out(
      createRunner({ clock, use: [w] }).call(
        tool('t', {}, async (_: undefined, ctx) => {
          if (n++ === 0) throw new Error('x');
          seen.push(ctx.deadline.remaining());
          return hang();
        }),
      ),
    ),
  );
  expect(seen).toEqual([10]);
});
it('a heartbeat around the call of the next attempt hears its work', async () => {
  const clock = virtualClock();
  let n = 0;
  const h = heartbeat(20);
  const twice = {
    ...h,
    intercept: (call: Call, next: Next) =>
      h.intercept(call, next).pipe(catchError((error) => h.intercept(call.again({ error }), next))),
  };
  const t = tool('t', {}, async (_: undefined, ctx) => {
    if (n++ === 0) throw new Error('x');
    for (let i = 0; i < 5; i++) {
      await sleep(clock, 10);
      ctx.heartbeat();
    }
    return 42;
  });
  expect(await clock.until(out(createRunner({ clock, use: [twice] }).call(t)))).toEqual(['ok', 42]);
});
it('an interceptor that is asked has the deadlines around it, and not those inside, while an attempt goes on', async () => {
  const clock = virtualClock();
  let c: Call | undefined;
  const o = at(Place.observe, (call, next) => {
    c = call;
    return next(call);
  });
  const p = out(createRunner({ clock, use: [o, timeout({ total: 1000, attempt: 100 })] }).call(tool('t', {}, hang)));
  await clock.advance(1);
  const seen = c?.deadline.at;
  await clock.until(p);
  expect(seen).toBe(Number.POSITIVE_INFINITY);
});
it('a retry around a flow that errors before it cancels goes by its own deadline', async () => {
  const clock = virtualClock();
  let n = 0;
  class Own extends Flow {
    private readonly call: Call;
    private readonly inside: Next;
    constructor(call: Call, inside: Next) {
      super();
      this.call = call;
      this.inside = inside;
    }
    drive(sink: Sink) {
      let over = false;
      const end = (): boolean => {
        if (over) return false;
        over = true;
        return true;
      };
      clock.schedule(50, () => {
        if (end()) {
          sink.error(new Error('own'));
          inner?.cancel();
        }
      });
      const inner = driveNext(this.call, this.inside, {
        next: (v) => sink.next(v),
        success: (v) => {
          if (end()) sink.success(v);
        },
        complete: () => {
          if (end()) sink.complete();
        },
        error: (e) => {
          if (end()) sink.error(e);
        },
      });
      return {
        cancel: (r?: unknown) => {
          over = true;
          inner?.cancel(r);
        },
      };
    }
    teardownThrew() {}
  }
  const own = at(Place.attempt - 1, (call, next) => new Own(call, next));
  const r = await clock.until(
    out(
      createRunner({
        clock,
        use: [
          timeout({ total: 10_000, attempt: 100 }),
          retry({ attempts: 3, backoff: constant(200), overlap: true }),
          own,
        ],
      }).call(tool('t', {}, async () => (n++ === 0 ? hang() : 42))),
    ),
  );
  expect(r).toEqual(['ok', 42]);
});
it('a thousand calls in calls go through the recommended stack', async () => {
  const deep: Tool<number, unknown> = tool(
    'deep',
    {},
    async (left: number, { call }: Context): Promise<unknown> => (left === 0 ? 'end' : call(deep, left - 1)),
  );
  const use = [timeout({ total: '30s', attempt: '10s' }), heartbeat(), retry(), circuitBreaker(), concurrency(20)];
  expect(await out(createRunner({ use }).call(deep, 1_000))).toEqual(['ok', 'end']);
});
