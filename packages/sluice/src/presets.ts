import { type CircuitBreakerOptions, type CircuitBreakerPlugin, circuitBreaker } from '@sluice/circuit-breaker';
import {
  AdaptiveConcurrency,
  adaptive,
  type ConcurrencyOptions,
  type ConcurrencyPlugin,
  concurrency,
  type RateInput,
  type RateLimitOptions,
  type RateLimitPlugin,
  rateLimit,
} from '@sluice/concurrency';
import { type Duration, type Plugin, Problems, parseDuration, readDuration, readPlain } from '@sluice/core';
import { constant, exponential, type RetryOptions, type RetryPlugin, retry } from '@sluice/retry';
import { type HeartbeatOptions, heartbeat, type TimeoutOptions, type TimeoutPlugin, timeout } from '@sluice/timeout';

/**
 * What is to be otherwise than a preset says, by plugin: options in place of its own, a plugin of your own making in place of the preset's (to keep
 * hold of it), or `'none'` to leave it out.
 */
export interface PresetOptions {
  /** How long a call may take in all, or options. */
  readonly timeout?: Duration | TimeoutOptions | TimeoutPlugin | undefined;
  /** How many attempts there may be, or options. */
  readonly retry?: number | 'none' | RetryOptions | RetryPlugin | undefined;
  readonly circuitBreaker?: 'none' | CircuitBreakerOptions | CircuitBreakerPlugin | undefined;
  /** A rate, or options; no preset has one of its own. */
  readonly rateLimit?: RateInput | 'none' | RateLimitOptions | RateLimitPlugin | undefined;
  /** How many calls may go on at once, or options. */
  readonly concurrency?: number | AdaptiveConcurrency | 'none' | ConcurrencyOptions | ConcurrencyPlugin | undefined;
  /** How long work may be silent, or options. */
  readonly heartbeat?: Duration | HeartbeatOptions | undefined;
}

/** The name of a preset. */
export type PresetName = 'llm' | 'http' | 'subprocess' | 'etl';

/** What a preset is made of: options of each of its plugins. */
interface Preset {
  readonly timeout: TimeoutOptions & { readonly attempt: Duration };
  readonly retry: RetryOptions;
  readonly circuitBreaker?: CircuitBreakerOptions;
  readonly rateLimit?: RateLimitOptions;
  readonly concurrency: Omit<ConcurrencyOptions, 'limit'> & { readonly limit: number | AdaptiveConcurrency };
  readonly heartbeat?: HeartbeatOptions;
}

/** Each is made anew: what learns is no two runners' own. */
const PRESETS: Readonly<Record<PresetName, () => Preset>> = {
  llm: () => ({
    timeout: { total: '3m', attempt: '60s' },
    retry: { attempts: 4, backoff: exponential({ base: '500ms', max: '20s' }) },
    circuitBreaker: {
      window: { type: 'time', size: '2m', minimum: 10 },
      openFor: exponential({ base: '15s', max: '2m', jitter: 'equal' }),
    },
    concurrency: { limit: 16 },
  }),
  http: () => ({
    timeout: { total: '30s', attempt: '10s' },
    retry: { attempts: 3, backoff: exponential({ base: '100ms', max: '2s' }) },
    circuitBreaker: {},
    concurrency: { limit: adaptive({ min: 8, max: 256, initial: 64 }) },
  }),
  subprocess: () => ({
    timeout: { total: '10m', attempt: '4m', grace: '2s' },
    retry: { attempts: 2, backoff: constant('1s') },
    circuitBreaker: { window: { type: 'consecutive', size: 5 } },
    concurrency: { limit: 4, orphanLease: 'none' },
  }),
  etl: () => ({
    timeout: { total: '1h', attempt: '15m' },
    retry: { attempts: 5, backoff: exponential({ base: '2s', max: '1m' }) },
    circuitBreaker: { window: { type: 'consecutive', size: 10 } },
    concurrency: { limit: 8, queue: { max: 100_000 } },
    heartbeat: { timeout: '5m' },
  }),
};

/** What a value in place of options says. */
const SHORT: Readonly<Record<keyof PresetOptions, string>> = {
  timeout: 'total',
  retry: 'attempts',
  circuitBreaker: '',
  rateLimit: 'requests',
  concurrency: 'limit',
  heartbeat: 'timeout',
};

const KEYS = Object.keys(SHORT) as readonly (keyof PresetOptions)[];

/**
 * Stacks that are ready, for the kinds of work that are called most: in the recommended order, with numbers that fit together, and without a
 * finding of the order check. What is said otherwise replaces option by option; `'none'` leaves a plugin out.
 *
 * @example
 * ```ts
 * import { createRunner, presets, tool } from 'sluice';
 *
 * const ask = tool('ask', {}, async (prompt: string) => `you said ${prompt}`);
 * const runner = createRunner({ use: presets.llm({ concurrency: 8, rateLimit: '60/m' }) });
 * console.assert((await runner.call(ask, 'hello')) === 'you said hello');
 * ```
 */
export const presets: Readonly<Record<PresetName, (options?: PresetOptions) => readonly Plugin[]>> = {
  llm: (options) => preset('llm', options),
  http: (options) => preset('http', options),
  subprocess: (options) => preset('subprocess', options),
  etl: (options) => preset('etl', options),
};

function preset(name: PresetName, options: PresetOptions = {}): readonly Plugin[] {
  const path = `presets.${name}`;
  const problems = new Problems();
  const given = (readPlain(options, path, problems) ?? {}) as PresetOptions;
  problems.unknownKeys(given, KEYS, path, { breaker: '"circuitBreaker"', retries: '"retry"' });
  problems.throwIfAny();
  const base = fitted(PRESETS[name](), given.timeout);
  const plugins: Plugin[] = [];
  const add = <O extends object>(key: keyof PresetOptions, make: (options: O) => Plugin): void => {
    const said = given[key];
    if (isPlugin(said)) plugins.push(said);
    else if (said !== 'none' && (said !== undefined || base[key] !== undefined)) {
      plugins.push(make(merged(key, base[key], said) as O));
    }
  };
  add<TimeoutOptions>('timeout', timeout);
  add<RetryOptions>('retry', retry);
  add<CircuitBreakerOptions>('circuitBreaker', circuitBreaker);
  add<RateLimitOptions>('rateLimit', rateLimit);
  add<ConcurrencyOptions>('concurrency', concurrency);
  add<HeartbeatOptions>('heartbeat', heartbeat);
  return plugins;
}

/** A total of your own leaves room for two attempts at least: those of the preset may be longer than all of it. */
function fitted(base: Preset, given: unknown): Preset {
  const { total = given, attempt } = typeof given === 'object' && given !== null ? (given as TimeoutOptions) : {};
  const problems = new Problems();
  const ms = total === undefined ? Number.POSITIVE_INFINITY : readDuration(total, 'timeout', problems);
  if (attempt !== undefined || problems.count > 0 || ms > parseDuration(base.timeout.attempt, 'attempt')) return base;
  return { ...base, timeout: { ...base.timeout, attempt: ms / 2 } };
}

function isPlugin(value: unknown): value is Plugin {
  return Array.isArray(value) || (typeof value === 'object' && value !== null && 'intercept' in value);
}

/** The options of a plugin, those that were given in place of the preset's. */
function merged(key: keyof PresetOptions, base: object | undefined, given: unknown): object {
  if (given === undefined) return base ?? {};
  const isOptions = typeof given === 'object' && given !== null && !isShort(key, given);
  return { ...base, ...(isOptions ? given : { [SHORT[key]]: given }) };
}

/** `adaptive()` and `{ limit, per }` are objects, and stand for one option. */
function isShort(key: keyof PresetOptions, given: object): boolean {
  return key === 'concurrency' ? given instanceof AdaptiveConcurrency : key === 'rateLimit' && 'limit' in given;
}
