import { type CircuitBreakerOptions, circuitBreaker } from '@sluice/circuit-breaker';
import { wrap } from '@sluice/core';
import * as cockatiel from 'cockatiel';
import * as mollitia from 'mollitia';
import CircuitBreaker from 'opossum';
import { passThrough } from '../interceptors.ts';
import { kindsOfWork } from '../kinds-of-work.ts';
import { type Cases, calls } from '../measure.ts';
import type { Figures, Suite } from '../part.ts';

const { work } = kindsOfWork.promise;

/** One error for all, so that what is measured is not its making. */
const DOWN = new Error('down');
const down = async (): Promise<never> => {
  throw DOWN;
};

const ignore = (): void => {};

const HOUR = 3_600_000;

/** Windows of ours, by name. */
const windows: Readonly<Record<string, CircuitBreakerOptions>> = {
  'sluice, 30 s': {},
  'sluice, last 10': { window: { type: 'count', size: 10 } },
  'sluice, last 1,000,000': { window: { type: 'count', size: 1_000_000 } },
  'sluice, 5 in a row': { window: { type: 'consecutive', size: 5 } },
  'sluice, slow calls': { slowCall: { duration: '10s' } },
  'sluice, by a key': { per: ({ input }) => `host-${(input as readonly unknown[]).length}` },
};

/** Windows of a peer, by name. */
const breakers: Readonly<Record<string, () => cockatiel.IBreaker>> = {
  'cockatiel, 5 in a row': () => new cockatiel.ConsecutiveBreaker(5),
  'cockatiel, sampling 30 s': () => new cockatiel.SamplingBreaker({ threshold: 0.5, duration: 30_000 }),
  'cockatiel, last 10': () => new cockatiel.CountBreaker({ threshold: 0.5, size: 10 }),
};

/** One that stays in its state for as long as it is measured. */
function peer(breaker: cockatiel.IBreaker, halfOpenAfter = HOUR): cockatiel.CircuitBreakerPolicy {
  return cockatiel.circuitBreaker(cockatiel.handleAll, { breaker, halfOpenAfter });
}

function opossum(): CircuitBreaker {
  return new CircuitBreaker(async () => work(), {
    timeout: false,
    errorThresholdPercentage: 50,
    volumeThreshold: 20,
    rollingCountTimeout: 30_000,
    resetTimeout: HOUR,
  });
}

/** The last ten: its window of time looks through all that is in it at each call. */
function mollitiaOf(func: () => Promise<unknown>): mollitia.Circuit {
  const breaker = new mollitia.SlidingCountBreaker({
    slidingWindowSize: 10,
    minimumNumberOfCalls: 10,
    failureRateThreshold: 50,
    openStateDelay: HOUR,
  });
  return new mollitia.Circuit({ func, options: { modules: [breaker] } });
}

function closed(): Cases {
  const ours = Object.entries(windows).map(([name, options]) => [name, wrap(work, circuitBreaker(options))] as const);
  const theirs = Object.entries(breakers).map(([name, make]) => {
    const policy = peer(make());
    return [name, () => policy.execute(work)] as const;
  });
  const fired = opossum();
  const circuit = mollitiaOf(async () => work());
  return {
    bare: work,
    ...Object.fromEntries([...theirs, ...ours]),
    'opossum, 30 s': () => fired.fire(),
    'mollitia, last 10': () => circuit.execute(),
    'sluice, no breaker': wrap(work),
    'sluice, pass-through': wrap(work, passThrough(0)),
  };
}

function open(): Cases {
  const breaker = circuitBreaker({ openFor: '1h' });
  const refused = wrap(async function refused() {}, breaker);
  breaker.trip('function:refused');
  const shadow = circuitBreaker({ openFor: '1h', mode: 'shadow' });
  const watched = wrap(async function watched() {}, shadow);
  shadow.trip('function:watched');
  const failing = wrap(down);
  // The sampling one does not open on what is over in a moment.
  const opening = Object.entries(breakers).filter(([name]) => !name.includes('sampling'));
  const theirs = opening.map(([name, make]) => {
    const tripped = peer(make());
    // Enough for each of them to have opened before anything is measured.
    for (let call = 0; call < 100; call++) void tripped.execute(down).catch(ignore);
    return [name, () => tripped.execute(work).catch(ignore)] as const;
  });
  const fired = opossum();
  fired.open();
  const circuit = mollitiaOf(down);
  for (let call = 0; call < 100; call++) void circuit.execute().catch(ignore);
  const probing = circuitBreaker({ openFor: 0, probes: 1, probeTimeout: '1h' });
  const half = wrap(async function half(hang: boolean) {
    if (hang) await new Promise<never>(() => {});
  }, probing);
  probing.trip('function:half');
  void half(true);
  return {
    bare: () => down().catch(ignore),
    ...Object.fromEntries(theirs),
    'opossum, 30 s': () => fired.fire().catch(ignore),
    'mollitia, last 10': () => circuit.execute().catch(ignore),
    'sluice, half-open, no place left': () => half(false).catch(ignore),
    'sluice, refused': () => refused().catch(ignore),
    'sluice, in shadow mode': () => watched(),
    'sluice, work that fails': () => failing().catch(ignore),
  };
}

/** It opens on a call that fails, and closes on the probe that follows. */
function recovering(): Cases {
  let fails = false;
  const flaky = async (): Promise<void> => {
    fails = !fails;
    if (fails) throw DOWN;
  };
  const round = async (once: () => Promise<unknown>): Promise<void> => {
    fails = false;
    await once().catch(ignore);
    await once();
  };
  const ours = wrap(flaky, circuitBreaker({ window: { type: 'consecutive', size: 1 }, openFor: 0, probes: 1 }));
  const theirs = peer(new cockatiel.ConsecutiveBreaker(1), 0);
  const plain = wrap(flaky);
  return {
    bare: () => round(flaky),
    'cockatiel, 1 in a row': () => round(() => theirs.execute(flaky)),
    'sluice, no breaker': () => round(plain),
    'sluice, 1 in a row': () => round(ours),
  };
}

function added(figures: Figures): Figures {
  const base = figures['sluice, pass-through'] ?? Number.NaN;
  return Object.fromEntries(
    Object.keys(windows).map((name) => [`of these, ${name}`, (figures[name] ?? Number.NaN) - base]),
  );
}

export const circuitBreakers: Suite = {
  name: 'circuit-breaker',
  about: 'What a breaker costs while it is closed, what a refusal costs, and opening and closing again.',
  parts: [
    calls({ name: 'closed, promise', bare: 'bare', baseline: 'cockatiel, 5 in a row', cases: closed, derive: added }),
    calls({ name: 'open', bare: 'bare', baseline: 'cockatiel, 5 in a row', cases: open }),
    calls({ name: 'opens, and closes again', bare: 'bare', baseline: 'cockatiel, 1 in a row', cases: recovering }),
  ],
};
