import {
  driveNext,
  driven,
  driveWithin,
  type Interceptor,
  Limit,
  Place,
  type PluginOptions,
  PluginPolicy,
  type PolicyFields,
  type PolicyLayers,
} from '@sluice/core';
import { ByTarget } from './by-target.ts';
import {
  HEARTBEAT_DEFAULTS,
  HEARTBEAT_OPTIONS,
  type HeartbeatFields,
  type HeartbeatLimits,
  type HeartbeatPolicy,
  readHeartbeat,
} from './heartbeat-options.ts';
import { HeartbeatRecord, type HeartbeatStats } from './heartbeat-stats.ts';
import { HeartbeatWatch } from './heartbeat-watch.ts';

/** What {@link heartbeat} takes: the longest silence, what ends it, where that holds, and where it stands in the chain. */
export interface HeartbeatOptions extends HeartbeatLimits, PolicyLayers<HeartbeatPolicy>, PluginOptions {}

/** What {@link heartbeat} makes. */
export interface HeartbeatPlugin extends Interceptor {
  stats(): Readonly<Record<string, HeartbeatStats>>;
}

/**
 * Ends work that has fallen silent, however long work that is alive may take: with `heartbeat('10s')` an attempt may take hours, if only
 * it shows every ten seconds that it lives. Items, progress and partial results show that, and so does `ctx.heartbeat(details)`, whose
 * details the next attempt gets as `ctx.previous.heartbeat`.
 *
 * A heartbeat never extends a limit on the time as a whole. Without a limit heartbeats are recorded, and nothing else.
 *
 * @example
 * ```ts
 * import { isSluiceError, withContext, wrap } from '@sluice/core';
 * import { heartbeat } from '@sluice/timeout';
 *
 * const crawl = wrap(
 *   withContext(async ({ heartbeat: beat }) => {
 *     beat({ page: 7 });
 *     await new Promise(() => {}); // and then it hangs
 *   }),
 *   heartbeat('30ms'),
 * );
 * await crawl().catch((error: unknown) => {
 *   console.assert(isSluiceError(error, 'HEARTBEAT_LOST') && error.message.includes('{"page":7}'));
 * });
 * ```
 *
 * @see {@link timeout} for the limits that no heartbeat extends
 */
export function heartbeat(options?: HeartbeatPolicy | HeartbeatOptions): HeartbeatPlugin {
  const records = new ByTarget((use) => new HeartbeatRecord(use));
  const policy = new PluginPolicy({
    key: 'heartbeat',
    given: options,
    options: HEARTBEAT_OPTIONS,
    expected: 'a duration, or a plain object of options',
    read: readHeartbeat,
    defaults: HEARTBEAT_DEFAULTS,
    prepare: (fields, subject) => {
      const watch = new HeartbeatWatch(fields as unknown as HeartbeatFields, records.of(subject));
      return new Limit(watch) as unknown as PolicyFields;
    },
  });
  const { name, applies } = policy;
  return {
    name,
    policy,
    priority: policy.priority ?? Place.attempt,
    ...(applies === undefined ? {} : { applies }),
    traits: ({ timeout }) => ({ role: 'heartbeat', limit: timeout as number, stateful: true }),
    update: (patch) => policy.update(patch),
    stats: () => Object.fromEntries([...records.entries()].map(([key, record]) => [key, record.stats()])),
    intercept: driven(policy, (call, next, sink, options) => {
      const limit = options as unknown as Limit | undefined;
      return limit === undefined ? driveNext(call, next, sink) : driveWithin(call, limit, next, sink);
    }),
  };
}
