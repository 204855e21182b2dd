import type { BoundOptions } from './bound-options.ts';

/**
 * A deadline, looked at once for all the calls that it stands around: what {@link driveWithin} takes.
 *
 * @see {@link BoundOptions} for what it is made of
 *
 * @example
 * ```ts
 * import { defineInterceptor, driven, driveWithin, Limit, Place, wrap } from '@sluice/core';
 *
 * const hour = new Limit({ limit: 3_600_000, name: 'total' });
 * const patient = defineInterceptor({
 *   name: 'patient',
 *   priority: Place.total,
 *   intercept: driven({ name: 'patient' }, (call, next, sink) => driveWithin(call, hour, next, sink)),
 * });
 * console.assert((await wrap(async () => 42, patient)()) === 42);
 * ```
 */
export class Limit {
  readonly options: BoundOptions;
  /** In milliseconds. */
  readonly ms: number;
  /** When it is to be asked first, in milliseconds. */
  readonly firstAlarm: number;
  /** Whether there is a time to be kept at all. */
  readonly timed: boolean;
  /** Whether it is of use also where there is no limit. */
  readonly doesMore: boolean;
  /** Whether it says how what is inside ends, or what becomes of what it had achieved. */
  readonly saysHow: boolean;
  /** Whether it wants to hear of signs of life. */
  readonly listens: boolean;
  /** Whether it wants to hear of the end. */
  readonly hearsEnd: boolean;
  /** The same, where something was kept for a run. */
  readonly hearsOfKept: boolean;
  /** Whether it is a limit on waiting. */
  readonly untilStarted: boolean;

  /** @param options - with a limit of 0 ms or more */
  constructor(options: BoundOptions) {
    const { limit, soft, grace, cleanup, partial, sign, ended, endedWith, until } = options;
    this.options = options;
    this.ms = limit;
    this.firstAlarm = soft === undefined || soft >= limit ? limit : soft;
    this.timed = limit !== Number.POSITIVE_INFINITY || soft !== undefined;
    this.saysHow = grace !== undefined || cleanup !== undefined || partial === 'resolve';
    this.listens = sign !== undefined;
    this.doesMore = this.saysHow || this.listens;
    this.hearsEnd = ended !== undefined;
    this.hearsOfKept = endedWith !== undefined;
    this.untilStarted = until === 'started';
  }
}
