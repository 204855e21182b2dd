import { setImmediate as turn } from 'node:timers/promises';
import { circuitBreaker } from '@sluice/circuit-breaker';
import { concurrency } from '@sluice/concurrency';
import { type Interceptor, type Plugin, withContext, wrap } from '@sluice/core';
import { retry } from '@sluice/retry';
import { heartbeat, timeout } from '@sluice/timeout';
import * as cockatiel from 'cockatiel';
import { Effect } from 'effect';
import * as mollitia from 'mollitia';
import CircuitBreaker from 'opossum';
import pLimit from 'p-limit';
import pRetry from 'p-retry';
import pTimeout from 'p-timeout';
import { hang, heldBy } from '../held.ts';
import { passThrough, several } from '../interceptors.ts';
import { kindsOfWork } from '../kinds-of-work.ts';
import { type CallsOptions, type Cases, calls } from '../measure.ts';
import type { Figures, Part, Suite } from '../part.ts';

/** Longer than anything is measured: none of them is to pass. */
const TOTAL = 300_000;
const ATTEMPT = 60_000;
const IDLE = 50_000;
const ATTEMPTS = 3;
const WINDOW = 120_000;
const MINIMUM = 20;
const RATE = 0.5;
const HOUR = 3_600_000;
/** More than are ever in flight, so that none waits. */
const LIMIT = 1_000_000;

type Work = () => unknown;
type Call = () => Promise<unknown>;

/** What nobody repeats and no breaker counts. It is made once: making an error costs more than passing it on. */
const notFound = Object.assign(new Error('not found'), { status: 404 });

/** What the peers are told, and Sluice knows: a 404 says that the service is well. */
const isFault = (error: unknown): boolean => error !== notFound && !(error instanceof cockatiel.BrokenCircuitError);

const refuse = async (): Promise<never> => {
  throw notFound;
};

const ignore = (): void => {};

/** The recommended stack, with the values that its peers have below. */
const recommended = (): Plugin[] => [
  timeout({ total: TOTAL, attempt: ATTEMPT }),
  heartbeat(IDLE),
  retry(ATTEMPTS),
  circuitBreaker({ window: { type: 'time', size: WINDOW, minimum: MINIMUM }, failureRate: RATE }),
  concurrency(LIMIT),
];

/** Retry, breaker and bulkhead of a peer around an attempt that has a timeout, with the breaker at hand. */
function cockatielPolicies(): {
  readonly policies: cockatiel.IPolicy[];
  readonly breaker: cockatiel.CircuitBreakerPolicy;
} {
  const handled = cockatiel.handleWhen(isFault);
  const breaker = cockatiel.circuitBreaker(handled, {
    breaker: new cockatiel.SamplingBreaker({ threshold: RATE, duration: WINDOW }),
    halfOpenAfter: HOUR,
  });
  const policies = [
    cockatiel.retry(handled, { maxAttempts: ATTEMPTS - 1, backoff: new cockatiel.ExponentialBackoff() }),
    breaker,
    cockatiel.bulkhead(LIMIT),
    cockatiel.timeout(ATTEMPT, cockatiel.TimeoutStrategy.Aggressive),
  ];
  return { policies, breaker };
}

function cockatielFour(work: Work): Call {
  const policy = cockatiel.wrap(...cockatielPolicies().policies);
  return () => policy.execute(work);
}

function cockatielFive(work: Work): Call {
  const total = cockatiel.timeout(TOTAL, cockatiel.TimeoutStrategy.Aggressive);
  const policy = cockatiel.wrap(total, ...cockatielPolicies().policies);
  return () => policy.execute(work);
}

function mollitiaFive(work: Work): Call {
  const circuit = new mollitia.Circuit({
    func: async () => work(),
    options: {
      modules: [
        new mollitia.Timeout({ delay: TOTAL }),
        new mollitia.Retry({ attempts: ATTEMPTS - 1, onRejection: isFault }),
        // Its other one keeps every call of the last two minutes, and looks through all of them at each.
        new mollitia.SlidingCountBreaker({
          slidingWindowSize: MINIMUM,
          minimumNumberOfCalls: MINIMUM,
          failureRateThreshold: RATE * 100,
          onError: isFault,
        }),
        new mollitia.Bulkhead({ concurrentSize: LIMIT }),
        new mollitia.Timeout({ delay: ATTEMPT }),
      ],
    },
  });
  return () => circuit.execute();
}

/** It has no breaker. */
function effectFour(work: Work): Call {
  const attempt = Effect.tryPromise({ try: async () => work(), catch: (error) => error });
  const program = attempt.pipe(
    Effect.timeout(ATTEMPT),
    Effect.makeSemaphore(LIMIT).pipe(Effect.runSync).withPermits(1),
    Effect.retry({ times: ATTEMPTS - 1, while: isFault }),
    Effect.timeout(TOTAL),
  );
  return () => Effect.runPromise(program);
}

function opossumAndOthers(work: Work): Call {
  const limit = pLimit(LIMIT);
  const breaker = new CircuitBreaker(() => limit(() => pTimeout(Promise.resolve(work()), { milliseconds: ATTEMPT })), {
    timeout: false,
    errorThresholdPercentage: RATE * 100,
    volumeThreshold: MINIMUM,
    rollingCountTimeout: WINDOW,
    resetTimeout: HOUR,
    errorFilter: (error) => !isFault(error),
  });
  const options = { retries: ATTEMPTS - 1, shouldRetry: ({ error }: { error: Error }) => isFault(error) };
  return () =>
    pTimeout(
      pRetry(() => breaker.fire(), options),
      { milliseconds: TOTAL },
    );
}

/** A stack of each, by name. */
const peers: Readonly<Record<string, (work: Work) => Call>> = {
  'cockatiel, 4 policies': cockatielFour,
  'cockatiel, 5 policies': cockatielFive,
  'mollitia, 5 modules': mollitiaFive,
  'effect, no breaker': effectFour,
  'opossum and p-*': opossumAndOthers,
};

const named = (make: (peer: (work: Work) => Call) => unknown): Cases =>
  Object.fromEntries(Object.entries(peers).map(([name, peer]) => [name, make(peer) as Call]));

function around(work: Work, end: (call: Call) => Call = (call) => call): Cases {
  return {
    bare: end(work as Call),
    ...named((peer) => end(peer(work))),
    'sluice, nothing': end(wrap(work)),
    'sluice, 6 pass-throughs': end(wrap(work, ...several(6, passThrough))),
    'sluice, the stack': end(wrap(work, ...recommended())),
    'sluice, its signal read': end(
      wrap(
        withContext(({ signal }) => {
          if (signal.aborted) throw notFound;
          return work();
        }),
        ...recommended(),
      ),
    ),
  };
}

/** The interceptors of the recommended stack, from the outside inwards. */
const members = (): Interceptor[] =>
  recommended()
    .flat()
    .sort((one, other) => one.priority - other.priority);

/** The stack with one member more each time, from the outside inwards. */
function growing(): Cases {
  const { work } = kindsOfWork.promise;
  const stacks = members().map(({ name, priority }, index) => [
    `... and ${name} at ${priority}`,
    wrap(work, ...members().slice(0, index + 1)),
  ]);
  return { bare: work, nothing: wrap(work), ...Object.fromEntries(stacks) };
}

function open(): Cases {
  const circuits = circuitBreaker({ openFor: HOUR });
  const refused = wrap(
    async function refused() {},
    timeout({ total: TOTAL, attempt: ATTEMPT }),
    heartbeat(IDLE),
    retry(ATTEMPTS),
    circuits,
    concurrency(LIMIT),
  );
  circuits.trip('function:refused');
  const alone = circuitBreaker({ openFor: HOUR });
  const byBreaker = wrap(async function byBreaker() {}, alone);
  alone.trip('function:byBreaker');

  const { policies, breaker } = cockatielPolicies();
  const total = cockatiel.timeout(TOTAL, cockatiel.TimeoutStrategy.Aggressive);
  const policy = cockatiel.wrap(total, ...policies);
  breaker.isolate();
  const { breaker: other } = cockatielPolicies();
  other.isolate();
  return {
    bare: () => refuse().catch(ignore),
    'cockatiel, its breaker': () => other.execute(refuse).catch(ignore),
    'cockatiel, 5 policies': () => policy.execute(refuse).catch(ignore),
    'sluice, its breaker': () => byBreaker().catch(ignore),
    'sluice, the stack': () => refused().catch(ignore),
  };
}

function bytes(): Promise<Figures> {
  // With so many in flight the peers take minutes.
  return heldBy({
    bare: hang,
    'sluice, nothing': wrap(hang),
    'sluice, the stack': wrap(hang, ...recommended()),
  });
}

const caught =
  (call: Call): Call =>
  () =>
    call().catch(ignore);

/** How long each case goes before anything is measured: a stack is more code than a round of a few milliseconds makes fast. */
const WARM_MS = 400;

/** A part whose cases are all compiled by the time they take turns. */
function warm(options: CallsOptions): Part {
  return {
    ...calls(options),
    async measure(effort) {
      const cases = options.cases();
      for (const run of Object.values(cases)) {
        for (const end = performance.now() + WARM_MS; performance.now() < end; await turn()) {
          for (let call = 0; call < 100; call++) await run();
        }
      }
      return calls({ ...options, cases: () => cases }).measure(effort);
    },
  };
}

export const stacks: Suite = {
  name: 'stack',
  about:
    'The recommended stack (total, retry, breaker, concurrency, attempt and heartbeat) and what its peers have of it around work that ends at once, that fails in a way which nobody repeats, and that takes a turn of the event loop; a refusal of its breaker; bytes that a call in flight holds.',
  parts: [
    warm({
      name: 'promise',
      bare: 'bare',
      baseline: 'cockatiel, 4 policies',
      cases: () => around(kindsOfWork.promise.work),
    }),
    warm({ name: 'rejected', bare: 'bare', baseline: 'cockatiel, 4 policies', cases: () => around(refuse, caught) }),
    warm({
      name: 'setImmediate',
      bare: 'bare',
      baseline: 'cockatiel, 4 policies',
      cases: () => around(kindsOfWork.asynchronous.work),
    }),
    warm({ name: 'member by member', bare: 'bare', baseline: 'nothing', cases: growing }),
    warm({ name: 'open', bare: 'bare', baseline: 'cockatiel, 5 policies', cases: open }),
    { name: 'held', unit: 'bytes', bare: 'bare', baseline: 'sluice, nothing', measure: bytes },
  ],
};
