import {
  ConfigError,
  driven,
  type Interceptor,
  Place,
  type PluginOptions,
  PluginPolicy,
  type PolicyFields,
  type Problems,
} from '@sluice/core';
import { type AdaptiveConcurrency, isAdaptiveConcurrency } from './adaptive.ts';
import { Door, type DoorStats, type Shed } from './door.ts';
import { isCount } from './queue-options.ts';

/** What {@link admission} takes. */
export interface AdmissionOptions extends PluginOptions {
  /** How many calls may be under way at once, waits and retries included, 1 or more. */
  readonly max: number;
  /**
   * Who is turned away when there are more: the one that comes (`'newest'`, the default); with `'lowest-priority'` the one that is preferred
   * least of those of which nothing has begun; with {@link adaptive} the one that comes, from fewer on when calls take longer than they should.
   */
  readonly shed?: Shed | AdaptiveConcurrency | undefined;
}

/** What {@link admission} makes. */
export interface AdmissionPlugin extends Interceptor {
  stats(): DoorStats;
}

/**
 * Turns calls away at the door when too many are under way, before anything is spent on them: with `QUEUE_FULL`, at once. Put it where a
 * process would rather say no than get slow.
 *
 * @example
 * ```ts
 * import { isSluiceError, wrap } from '@sluice/core';
 * import { admission } from '@sluice/concurrency';
 *
 * const slow = wrap(() => new Promise((resolve) => setTimeout(resolve, 20)), admission({ max: 1 }));
 * const first = slow();
 * await slow().catch((error: unknown) => console.assert(isSluiceError(error, 'QUEUE_FULL')));
 * await first;
 * ```
 *
 * @see {@link concurrency} to let them wait instead
 */
export function admission(options: AdmissionOptions): AdmissionPlugin {
  const policy = new PluginPolicy({
    key: 'admission',
    given: options,
    options: ['max', 'shed'],
    expected: 'a plain object { max }',
    layered: false,
    read: readAdmission,
  });
  const fields = (): PolicyFields => (typeof policy.options === 'object' ? policy.options : {});
  const { max, shed = 'newest' } = fields();
  if (max === undefined) throw new ConfigError('admission.max: expected an integer ≥ 1, got undefined');
  const learned = isAdaptiveConcurrency(shed) ? shed : undefined;
  const door = new Door(
    () => fields()['max'] as number,
    learned === undefined ? (shed as Shed) : 'newest',
    learned?.finder(),
  );
  const { name, priority = Place.admission, applies } = policy;
  return {
    name,
    priority,
    ...(applies === undefined ? {} : { applies }),
    traits: { role: 'other', stateful: true },
    update(patch) {
      if (patch['shed'] === undefined) return policy.update(patch);
      throw new ConfigError('admission.shed: cannot be changed while it runs');
    },
    stats: () => door.stats(),
    intercept: driven(policy, (call, next, sink) => door.admit(call, next, sink)),
  };
}

function readAdmission(written: unknown, path: string, problems: Problems): PolicyFields {
  const { max, shed } = (typeof written === 'object' ? written : {}) as Readonly<Record<string, unknown>>;
  if (typeof written !== 'object') problems.add(path, 'a plain object { max }', written);
  if (max !== undefined && !isCount(max)) problems.add(`${path}.max`, 'an integer ≥ 1', max);
  if (shed !== undefined && shed !== 'newest' && shed !== 'lowest-priority' && !isAdaptiveConcurrency(shed)) {
    problems.add(`${path}.shed`, "'newest', 'lowest-priority', or adaptive()", shed);
  }
  return { ...(max === undefined ? {} : { max }), ...(shed === undefined ? {} : { shed }) };
}
