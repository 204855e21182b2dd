import type { Call } from './call.ts';
import type { CallView } from './call-view.ts';
import type { Inwards } from './drive-next.ts';
import { InterceptorError } from './errors/interceptor-error.ts';
import { Flow, type Handle, type Observable, type Sink } from './flow.ts';
import type { Next } from './interceptor.ts';
import type { PolicyFields } from './policies.ts';

/**
 * Runs what an interceptor stands around, once, and delivers to a sink. Answers how to stop it, or null when it has ended already. `options` are
 * those that hold for the call, as the interceptor has prepared them; undefined where there are none.
 */
export type Drive = (call: Call, next: Next, sink: Sink, options: PolicyFields | undefined) => Handle | null;

/** An `intercept` that the chain need not call to drive it. */
export interface Driven {
  (call: Call, next: Next): Observable<unknown>;
  readonly drive: Drive;
}

/**
 * Makes the `intercept` of an interceptor that is driven: the chain hands it the sink at once, and no flow is made for a call. Whoever calls it by
 * hand gets a flow. What `drive` itself throws is a fault of the chain: it delivers its errors to the sink.
 *
 * @param owner - what is at fault when a teardown throws in it, and the key of its policy, if it has one
 *
 * @example
 * ```ts
 * import { defineInterceptor, driven, driveNext, Place, wrap } from '@sluice/core';
 *
 * const through = defineInterceptor({
 *   name: 'through',
 *   priority: Place.observe,
 *   intercept: driven({ name: 'through' }, (call, next, sink) => driveNext(call, next, sink)),
 * });
 * console.assert((await wrap(async () => 42, through)()) === 42);
 * ```
 *
 * @see {@link FollowedRun} and {@link driveWithin}, which are driven so
 */
export function driven({ name, key }: { readonly name: string; readonly key?: string }, drive: Drive): Driven {
  const intercept = (call: Call, next: Next): Observable<unknown> => {
    const options = key === undefined ? undefined : call.policy(key);
    return new DrivenFlow(name, drive, call, next, options);
  };
  return Object.assign(intercept, { drive });
}

/**
 * Makes a `next` that is driven: what an interceptor puts between itself and what is inside of it, for a mechanism that runs a `next`.
 *
 * @param name - what is at fault when a teardown throws in it
 *
 * @example
 * ```ts
 * import { defineInterceptor, driven, drivenNext, driveNext, driveWithin, Limit, Place, wrap } from '@sluice/core';
 *
 * const second = new Limit({ limit: 1_000, name: 'total' });
 * let inside = 0;
 * const counted = defineInterceptor({
 *   name: 'counted',
 *   priority: Place.observe,
 *   intercept: driven({ name: 'counted' }, (call, next, sink) => {
 *     const counting = drivenNext('counted', (view, to) => {
 *       inside++;
 *       return driveNext(view, next, to);
 *     });
 *     return driveWithin(call, second, counting, sink);
 *   }),
 * });
 * console.assert((await wrap(async () => 42, counted)()) === 42 && inside === 1);
 * ```
 */
export function drivenNext(name: string, inwards: (call: Call, sink: Sink) => Handle | null): Next {
  const drive: Drive = (call, _, sink) => inwards(call, sink);
  const next: Next = (call) => new DrivenFlow(name, drive, call, next);
  return Object.assign(next, { chain: null, level: 0, inwards } satisfies Pick<Inwards, 'chain' | 'level' | 'inwards'>);
}

/** What is driven, for whoever wants an Observable. Each subscription is one more run of it. */
export class DrivenFlow extends Flow {
  private readonly name: string;
  private readonly run: Drive;
  private readonly view: CallView;
  private readonly next: Next;
  private readonly options: PolicyFields | undefined;

  constructor(name: string, run: Drive, call: Call, next: Next, options?: PolicyFields) {
    super();
    const view = call as CallView;
    this.name = name;
    this.run = run;
    this.view = view;
    this.next = next;
    this.options = options;
  }

  drive(sink: Sink): Handle | null {
    return this.run(this.view.beside(), this.next, sink, this.options);
  }

  teardownThrew(error: unknown): void {
    this.view.root.environment.report(
      new InterceptorError(this.name, 'threw while it was torn down', { cause: error }),
    );
  }
}
