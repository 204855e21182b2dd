import type { Finding, FindingCode } from './finding.ts';
import type { Interceptor } from './interceptor.ts';
import { nearest } from './nearest.ts';
import { RESERVED } from './policies.ts';
import type { Target } from './target.ts';
import type { RetryTraits, Traits } from './traits.ts';

/** An interceptor in its place, with what is known of it. */
export interface Placed {
  readonly interceptor: Interceptor;
  readonly traits: Traits | undefined;
}

type Role = Traits['role'];
type In<R extends Role> = {
  readonly name: string;
  readonly index: number;
  readonly traits: Traits & { readonly role: R };
};

/** How many attempts nested retries may add up to before it is called multiplying. */
const MULTIPLIED = 5;

/** What is wrong with the order, or the numbers, of a stack. `placed` goes from the outside inwards. */
export function checkOrder(placed: readonly Placed[]): Finding[] {
  // Nothing is known of any of them: as it is for most of what strangers write.
  if (placed.every(({ traits }) => traits === undefined)) return [];
  const all = new Order(placed);
  return [
    ...duplicates(placed),
    ...deadlines(all),
    ...waits(all),
    ...idle(all),
    ...soft(all),
    ...breakers(all),
    ...limits(all),
    ...retries(all),
    ...fallbacks(all),
    ...localRejections(all),
    ...multiplying(all),
  ];
}

/** What is wrong with a stack for one target. */
export function checkTarget(placed: readonly Placed[], target: Target, claimed: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  const said = target.policies.flatMap(({ from, path, values }) =>
    Object.keys(values).map((key) => ({ key, path, from })),
  );
  for (const { key, path, from } of said) {
    if (claimed.includes(key)) continue;
    // A pipeline, or a run, says it once for all its stages.
    const who =
      path.replace(/: ?$|\.$/, '') || (from === 'run' ? 'a call or run' : `${target.target} "${target.name}"`);
    const meant = nearest(key, [...claimed, ...RESERVED]);
    const hint =
      meant === undefined
        ? 'Add the plugin that claims it, or remove it'
        : `Write "${meant}" if that is what you meant`;
    findings.push(
      warning('unclaimed-policy', `${who} sets "${key}", which no interceptor of the stack claims`, `${hint}.`),
    );
  }
  const retry = new Order(placed).of('retry').find(({ traits }) => traits.attempts > 1 && traits.repeatsBegun !== true);
  if (!target.idempotent && retry !== undefined) {
    findings.push(
      warning(
        'retry-not-idempotent',
        `${target.target} "${target.name}" is marked idempotent: false, and "${retry.name}" stands around it`,
        `Set retry: 'none' on "${target.name}", or drop idempotent: false.`,
      ),
    );
  }
  return findings;
}

/** The members of a stack by the role that they play, with their place. */
class Order {
  readonly #placed: readonly Placed[];

  constructor(placed: readonly Placed[]) {
    this.#placed = placed;
  }

  of<R extends Role>(...roles: readonly R[]): In<R>[] {
    return this.#placed.flatMap(({ interceptor: { name }, traits }, index) =>
      traits !== undefined && (roles as readonly Role[]).includes(traits.role)
        ? [{ name, index, traits } as In<R>]
        : [],
    );
  }
}

function warning(code: FindingCode, message: string, fix: string): Finding {
  return { code, level: 'warning', message, fix };
}

function* duplicates(placed: readonly Placed[]): Generator<Finding> {
  const seen = new Set<Interceptor>();
  for (const { interceptor, traits } of placed) {
    if (seen.has(interceptor) && traits?.stateful === true) {
      const message = `"${interceptor.name}" stands in the stack twice as the same instance, so it would count every call twice`;
      yield { code: 'duplicate-stateful', level: 'error', message, fix: 'Remove one, or make two instances.' };
    }
    seen.add(interceptor);
  }
}

function* deadlines(all: Order): Generator<Finding> {
  for (const total of all.of('total')) {
    for (const attempt of all.of('attempt')) {
      const { limit } = attempt.traits;
      if (limit === Number.POSITIVE_INFINITY || limit < total.traits.limit) continue;
      const numbers = `the attempt timeout of ${limit} ms is not below the total of ${total.traits.limit} ms`;
      const one = total.traits.origin !== undefined && total.traits.origin === attempt.traits.origin;
      if (one && limit > total.traits.limit) {
        const message = `In one set of options ${numbers}, so it could never be reached`;
        yield {
          code: 'attempt-over-total-in-one',
          level: 'error',
          message,
          fix: 'Lower the attempt timeout, or raise the total.',
        };
      } else {
        yield warning(
          'attempt-not-under-total',
          `In "${attempt.name}" ${numbers}, so a hung attempt is never retried`,
          'Lower it.',
        );
      }
    }
  }
}

function* waits(all: Order): Generator<Finding> {
  for (const total of all.of('total')) {
    for (const retry of all.of('retry')) {
      const { longestWait } = retry.traits;
      if (!Number.isFinite(longestWait) || longestWait <= total.traits.limit) continue;
      yield warning(
        'backoff-over-total',
        `The waits of "${retry.name}" can add up to ${longestWait} ms, more than the total of ${total.traits.limit} ms`,
        'Lower the backoff or the number of attempts, or raise the total.',
      );
    }
  }
}

function* idle(all: Order): Generator<Finding> {
  for (const heartbeat of all.of('heartbeat')) {
    for (const attempt of all.of('attempt')) {
      const { limit } = heartbeat.traits;
      if (limit === Number.POSITIVE_INFINITY || limit < attempt.traits.limit) continue;
      yield warning(
        'idle-not-under-attempt',
        `The heartbeat timeout of ${limit} ms is not below the attempt timeout of ${attempt.traits.limit} ms, so it never fires`,
        'Lower the heartbeat timeout, or raise the attempt timeout.',
      );
    }
  }
}

function* soft(all: Order): Generator<Finding> {
  for (const { name, traits } of all.of('attempt')) {
    const { soft: at = Number.POSITIVE_INFINITY } = traits;
    const hard = Math.min(traits.limit, ...all.of('total').map((total) => total.traits.limit));
    if (at === Number.POSITIVE_INFINITY || at < hard) continue;
    yield warning(
      'soft-not-under-hard',
      `The soft limit of "${name}" (${at} ms) is not below the hard one of ${hard} ms, so nobody is warned`,
      'Lower the soft limit.',
    );
  }
}

function* breakers(all: Order): Generator<Finding> {
  for (const breaker of all.of('breaker')) {
    for (const retry of all.of('retry')) {
      if (retry.index < breaker.index) continue;
      yield warning(
        'retry-inside-breaker',
        `"${retry.name}" stands inside "${breaker.name}", which then sees one failure where several attempts failed`,
        'Put the retry outside the breaker, as at Place.retry.',
      );
    }
    for (const attempt of all.of('attempt')) {
      if (attempt.traits.limit === Number.POSITIVE_INFINITY || breaker.traits.window >= 2 * attempt.traits.limit)
        continue;
      yield warning(
        'breaker-window-short',
        `The window of "${breaker.name}" (${breaker.traits.window} ms) is shorter than two attempt timeouts of ${attempt.traits.limit} ms`,
        'Make the window longer, so that hung calls still lie in it when they are counted.',
      );
    }
  }
}

function* limits(all: Order): Generator<Finding> {
  for (const limit of all.of('concurrency', 'rate')) {
    for (const retry of all.of('retry')) {
      if (limit.index > retry.index) continue;
      yield warning(
        'limit-outside-retry',
        `"${limit.name}" stands outside "${retry.name}": what it grants is held, or counted once, while attempts come and go`,
        'Put it inside the retry, as at Place.rate or Place.concurrency.',
      );
    }
    for (const attempt of all.of('attempt')) {
      const { queues, queueTimeout = Number.POSITIVE_INFINITY } = limit.traits;
      const unbounded = queues && queueTimeout === Number.POSITIVE_INFINITY;
      if (!unbounded || limit.index < attempt.index || attempt.traits.limit === Number.POSITIVE_INFINITY) continue;
      yield warning(
        'queue-inside-attempt',
        `"${limit.name}" queues inside the attempt timeout of "${attempt.name}", so waiting is taken for hanging`,
        'Put the queue outside the attempt timeout, or give it a queue timeout.',
      );
    }
  }
}

function* retries(all: Order): Generator<Finding> {
  const bounds = all.of('total').filter(({ traits }) => traits.limit !== Number.POSITIVE_INFINITY);
  for (const { name, index, traits } of all.of('retry')) {
    if (!bounds.some((total) => total.index < index)) {
      yield warning(
        'retry-without-deadline',
        `No deadline stands around "${name}"`,
        'Add timeout({ total }) around it.',
      );
    }
    if (traits.attempts === Number.POSITIVE_INFINITY) {
      yield warning('retry-without-limit', `"${name}" repeats without end`, 'Give it a number of attempts.');
    }
  }
}

function* fallbacks(all: Order): Generator<Finding> {
  for (const fallback of all.of('fallback')) {
    for (const around of all.of('retry', 'breaker')) {
      if (fallback.index < around.index) continue;
      yield warning(
        'fallback-inside',
        `"${fallback.name}" stands inside "${around.name}", which then takes every failure for a success`,
        'Put the fallback outside, as at Place.fallback.',
      );
    }
  }
}

function* localRejections(all: Order): Generator<Finding> {
  for (const { name, traits } of all.of('retry', 'breaker')) {
    const counts = traits.role === 'retry' ? traits.repeatsLocal : traits.countsLocal;
    if (counts !== true) continue;
    const what = traits.role === 'retry' ? 'repeats' : 'counts';
    yield warning(
      'local-rejections-counted',
      `"${name}" ${what} local rejections such as a full queue, which say nothing about what is called`,
      'Leave local rejections out, or acknowledge this.',
    );
  }
}

/** A call of a tool in a stage passes the same stack as the stage, so even one such retry multiplies with itself. */
function* multiplying(all: Order): Generator<Finding> {
  const found: readonly { readonly name: string; readonly traits: RetryTraits }[] = all.of('retry');
  const outer = found.find(({ traits }) => traits.repeatsExhausted === true);
  if (outer === undefined) return;
  const inner = found.find((retry) => retry !== outer) ?? outer;
  const attempts = outer.traits.attempts * inner.traits.attempts;
  if (attempts <= MULTIPLIED) return;
  yield warning(
    'retries-multiply',
    `"${outer.name}" repeats what a nested retry has given up on: up to ${attempts} attempts of one call`,
    'Let it not repeat RETRY_EXHAUSTED, or lower the attempts.',
  );
}
