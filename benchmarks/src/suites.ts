import type { Suite } from './part.ts';
import { chain } from './suites/chain.ts';
import { circuitBreakers } from './suites/circuit-breaker.ts';
import { concurrencies } from './suites/concurrency.ts';
import { concurrentTimeouts } from './suites/concurrent-timeouts.ts';
import { deadline } from './suites/deadline.ts';
import { errors } from './suites/errors.ts';
import { events } from './suites/events.ts';
import { graphs } from './suites/graph.ts';
import { hooks } from './suites/hooks.ts';
import { inFlight } from './suites/in-flight.ts';
import { nested } from './suites/nested.ts';
import { retries } from './suites/retry.ts';
import { simulations } from './suites/simulation.ts';
import { stacks } from './suites/stack.ts';
import { timeouts } from './suites/timeout.ts';

/** All that is measured. */
export const suites: readonly Suite[] = [
  chain,
  deadline,
  timeouts,
  hooks,
  events,
  errors,
  nested,
  inFlight,
  concurrencies,
  concurrentTimeouts,
  retries,
  circuitBreakers,
  stacks,
  simulations,
  graphs,
];
