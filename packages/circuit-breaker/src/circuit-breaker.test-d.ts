import { type Backoff, tool, wrap } from '@sluice/core';
import { retryOn } from '@sluice/retry';
import type { Observable } from 'rxjs';
import { describe, expectTypeOf, it } from 'vitest';
import { type BreakerSnapshot, type CircuitState, circuitBreaker, memoryCircuits } from './index.ts';

describe('the types of circuits', () => {
  it('take the options one by one', () => {
    circuitBreaker();
    circuitBreaker('none');
    circuitBreaker({ window: { type: 'time', size: '10s', minimum: 5 }, failureRate: 0.2, mode: 'shadow' });
    circuitBreaker({ window: { type: 'count', size: 100 }, slowCall: { duration: '2s' }, per: 'kind', ramp: '10s' });
    circuitBreaker({ openFor: {} as Backoff, probes: 1, probeTimeout: 500, store: memoryCircuits() });
    circuitBreaker({ per: (call) => call.name, applies: (call) => call.idempotent, slowCall: 'none' });
    // @ts-expect-error: a window over calls has a number for its size
    circuitBreaker({ window: { type: 'count', size: '10s' } });
    // @ts-expect-error: in a row there is no minimum
    circuitBreaker({ window: { type: 'consecutive', size: 5, minimum: 2 } });
    // @ts-expect-error: a window says what it is over
    circuitBreaker({ window: { size: 5 } });
    // @ts-expect-error: not an option
    circuitBreaker({ failurRate: 0.5 });
    // @ts-expect-error: said of the plugin as a whole only
    circuitBreaker({ tools: { search: { per: 'all' } } });
  });

  it('infer what a function hears that says what counts, and take a classifier', () => {
    circuitBreaker({
      counts: (outcome, call) => {
        expectTypeOf(outcome.durationMs).toEqualTypeOf<number>();
        expectTypeOf(call.name).toEqualTypeOf<string>();
        return outcome.status === 'ok' ? undefined : 'neutral';
      },
    });
    circuitBreaker({ counts: retryOn.any(retryOn.defaults, retryOn.status(409)) });
    // @ts-expect-error: no such answer
    circuitBreaker({ counts: () => 'failure' });
  });

  it('are the policies of stages and tools, and leave results as they are', () => {
    tool('search', { circuitBreaker: { failureRate: 0.2, mode: 'shadow' } }, async (q: string) => [q]);
    tool('free', { circuitBreaker: 'none' }, async (q: string) => [q]);
    // @ts-expect-error: said of the plugin as a whole only
    tool('search', { circuitBreaker: { store: memoryCircuits() } }, async (q: string) => [q]);
    const load = wrap(async (id: string) => ({ id }), circuitBreaker());
    expectTypeOf(load).returns.resolves.toEqualTypeOf<{ id: string }>();
  });

  it('say what can be read and done', () => {
    const breaker = circuitBreaker();
    expectTypeOf(breaker.state('a')).toEqualTypeOf<CircuitState>();
    expectTypeOf(breaker.state$('a')).toEqualTypeOf<Observable<CircuitState>>();
    expectTypeOf(breaker.snapshot()).toEqualTypeOf<BreakerSnapshot>();
    expectTypeOf(breaker.stats().circuits).toExtend<Readonly<Record<string, { readonly because: string }>>>();
    breaker.trip('a', '30s');
    // @ts-expect-error: no duration
    breaker.trip('a', 'soon');
  });
});
