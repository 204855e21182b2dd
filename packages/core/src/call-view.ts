import type { Bound } from './bound.ts';
import type { Call, Deadline, Kind, TargetKind } from './call.ts';
import type { Local } from './call-local.ts';
import type { Clock } from './clock.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import { isSluiceError } from './errors/sluice-error.ts';
import type { FollowedRun } from './followed-run.ts';
import type { Hook } from './hook.ts';
import type { Invocation } from './invocation.ts';
import type { PolicyFields } from './policies.ts';
import type { Outcome } from './verdict.ts';

/** What an attempt knows of the one before it. */
export interface Previous {
  /** How it failed. */
  readonly error: unknown;
  /** What it had achieved. */
  readonly partial?: unknown;
  /** What came with the last heartbeat before it failed. */
  readonly heartbeat?: unknown;
}

/** No level: before the first, and where it is not known. */
export const NOBODY = -1;

/** What all views have, and nothing else. */
const VIEW: unique symbol = Symbol('view');

/**
 * A call as interceptors see it: one attempt of it. It passes each level of the chain at most once, going inwards; a second subscription
 * at a level makes a view of its own, the next attempt's. Interceptors that are driven share one; who is asked has one that stays at its
 * level. What stands around the work on the way there, deadlines and runs that somebody follows, is linked from the inside outwards, each
 * with the level of the interceptor that it belongs to.
 */
export class CallView implements Call {
  /** The call that this is a view of. */
  readonly root: Invocation;
  readonly attempt: number;
  readonly previous: Previous | undefined;
  /** The innermost level of the chain that it has reached. */
  reached: number = NOBODY;
  /** The level whose interceptor is being asked right now: the hooks that are registered meanwhile are its. */
  asked: number = NOBODY;
  /** What interceptors have left with it, for the calls made in it. */
  locals: Local | null = null;
  /** The innermost deadline of this call that it is in. */
  bound: Bound | null = null;
  /** The innermost run that somebody follows that it is part of. */
  hold: FollowedRun | null = null;
  timeFactor = 1;
  /** The view that this one was made from, until it is first used: that decides what is around it. */
  private origin: CallView | null;
  private hooks: Hook | null = null;
  /** Whether something has gone further in from it. */
  private passed = false;
  /** The next of the call's views that hooks were registered with; undefined while none were with this one. */
  nextHooked: CallView | null | undefined = undefined;

  constructor(root: Invocation, attempt: number, previous?: Previous, origin: CallView | null = null) {
    this.root = root;
    this.attempt = attempt;
    this.previous = previous;
    this.origin = origin;
  }

  get target(): TargetKind {
    return this.root.chain.target.target;
  }

  get name(): string {
    return this.root.chain.target.name;
  }

  get kind(): Kind | undefined {
    return this.root.chain.target.kind;
  }

  get input(): unknown {
    return this.root.input;
  }

  get runId(): string {
    return this.root.runId;
  }

  get correlationId(): string {
    return this.root.correlationId;
  }

  get idempotent(): boolean {
    return this.root.chain.target.idempotent;
  }

  get parent(): Call | undefined {
    return this.root.caller?.call ?? undefined;
  }

  get clock(): Clock {
    return this.root.environment.clock;
  }

  /** What has ended inside of whoever asks does not count. */
  get deadline(): Deadline {
    let bound = this.around;
    while (bound?.closed === true) bound = bound.outer;
    return nearestDeadline(this, bound);
  }

  /** That of the work in it, which may have ended. */
  get deadlineOfWork(): Deadline {
    return nearestDeadline(this, this.bound);
  }

  /** The earliest deadline around `bound`. */
  deadlineAround(bound: Bound): Deadline {
    return nearestDeadline(this, bound.outer);
  }

  /** The nearest deadline around it, in this call or in one around it, that wants to hear of signs of life. */
  get watch(): Bound | null {
    for (let bound = this.around; bound !== null; bound = bound.outer) if (bound.listens) return bound;
    return this.root.watchAround;
  }

  /** The innermost deadline of this call around it. */
  private get around(): Bound | null {
    return this.origin === null ? this.bound : this.origin.around;
  }

  policy(key: string): PolicyFields | undefined {
    return this.root.chain.policy(key, this.reached);
  }

  get priority(): number {
    return this.root.priority;
  }

  emit(type: string, data?: Readonly<Record<string, unknown>>): void {
    const { events } = this.root.environment;
    if (events.wants(type)) events.emit(type, this.whereabouts, this.root.runScope, data);
  }

  /** What every event about it says. */
  private get whereabouts(): object {
    const { target, name, kind, attempt, runId, correlationId } = this;
    return kind === undefined
      ? { runId, correlationId, target, name, attempt }
      : { runId, correlationId, target, name, kind, attempt };
  }

  onEnd(fn: (outcome: Outcome) => void): void {
    this.hook(fn, null);
  }

  onSettled(fn: () => void): void {
    this.hook(null, fn);
  }

  private hook(onEnd: Hook['onEnd'], onSettled: Hook['onSettled']): void {
    this.hooks = { level: this.asked, onEnd, onSettled, next: this.hooks };
    this.keepHooks();
  }

  /** The call is to find those that belong to no run in the end. */
  private keepHooks(): void {
    if (this.hooks !== null && this.nextHooked === undefined) this.root.keepHooked(this);
  }

  again(previous: { readonly error: unknown; readonly timeFactor?: number | undefined }): CallView {
    const { root } = this;
    const attempt = ++root.attempts;
    const { partial } = root;
    const heartbeat = root.vitals?.heartbeat;
    const known: Previous = {
      error: previous.error,
      ...(partial === undefined ? {} : { partial }),
      ...(heartbeat === undefined ? {} : { heartbeat }),
    };
    const again = new CallView(root, attempt, known, this);
    again.timeFactor = previous.timeFactor ?? this.timeFactor;
    return again;
  }

  /** A view for work that is tried in place of what has failed, which is no attempt: in what goes on around that. */
  aside(error: unknown): CallView {
    const { root, reached } = this;
    const view = this.again({ error, timeFactor: 1 });
    root.attempts--;
    view.enter(reached);
    while (view.bound?.closed === true) view.bound = view.bound.outer;
    while (view.hold?.over === true) view.hold = view.hold.outer;
    return view;
  }

  /** How long what is in it may be silent, as far as `bound` and all that is in that say so. */
  idleLimit(within: Bound): number {
    let limit = Number.POSITIVE_INFINITY;
    for (let { bound } = this as CallView; bound !== null; bound = bound === within ? null : bound.outer) {
      limit = Math.min(limit, bound.idleLimit);
    }
    return limit;
  }

  /** All deadlines around it, from the innermost outwards, through all the calls that it is made in. */
  *bounds(): Generator<Bound, void, undefined> {
    for (let call: CallView | null = this; call !== null; call = call.root.caller?.call ?? null) {
      for (let bound = call.around; bound !== null; bound = bound.outer) yield bound;
    }
  }

  /** What goes further in from it, while it stays where it is: whoever was asked with it may go in again. */
  inside(level: number): CallView {
    if (this.origin !== null) return this;
    if (this.passed || this.reached >= level) return this.again({ error: this.root.lastError });
    this.passed = true;
    return this.twin();
  }

  /** Another one where it is, for one more run. */
  beside(): CallView {
    this.stand();
    const view = this.passed ? this.again({ error: this.root.lastError }) : this.twin();
    this.passed = true;
    view.stand();
    return view;
  }

  /** The same attempt, in another place. */
  private twin(): CallView {
    const view = new CallView(this.root, this.attempt, this.previous, this);
    view.timeFactor = this.timeFactor;
    return view;
  }

  /** It stands where the one stands that it was made from. */
  private stand(): void {
    const { origin } = this;
    if (origin === null) return;
    origin.stand();
    this.reached = origin.reached;
    this.bound = origin.bound;
    this.hold = origin.hold;
    this.locals = origin.locals;
    this.hooks = joined(this.hooks, origin.takeHooks(Number.POSITIVE_INFINITY));
    this.origin = null;
    this.keepHooks();
  }

  /** The one that an interceptor is asked with: what goes on inside of it does not show there. */
  askedAt(level: number): CallView {
    const view = this.twin();
    view.enter(level);
    return view;
  }

  /** Notes that the chain reaches `level` with it. */
  enter(level: number): void {
    if (this.origin !== null) this.branchOff(level, this.origin);
    this.reached = level;
  }

  /** It begins to be used: around it is what is around `level` of the view that it was made from. */
  private branchOff(level: number, origin: CallView): void {
    this.bound = origin.boundOutside(level);
    this.hold = origin.holdOutside(level);
    // What stands inside of whoever repeats leaves its own anew.
    this.locals = origin.localsOutside(level);
    this.hooks = joined(this.hooks, origin.takeHooks(level));
    this.origin = null;
    this.keepHooks();
  }

  /** Leaves something with it, for the calls made in it. */
  leave(owner: object, value: unknown): void {
    this.locals = { owner, level: this.reached, value, next: this.locals };
  }

  private boundOutside(level: number): Bound | null {
    if (this.origin !== null) return this.origin.boundOutside(level);
    let { bound } = this;
    while (bound !== null && bound.level >= level) bound = bound.outer;
    return bound;
  }

  private holdOutside(level: number): FollowedRun | null {
    if (this.origin !== null) return this.origin.holdOutside(level);
    let { hold } = this;
    while (hold !== null && hold.level >= level) hold = hold.outer;
    return hold;
  }

  private localsOutside(level: number): Local | null {
    if (this.origin !== null) return this.origin.localsOutside(level);
    let { locals } = this;
    while (locals !== null && locals.level >= level) locals = locals.next;
    return locals;
  }

  /** Why nothing may start in it any more; undefined while it may. */
  refusal(): unknown {
    return this.root.untroubled ? undefined : this.whyNot();
  }

  private whyNot(): unknown {
    for (let { bound } = this as CallView; bound !== null; bound = bound.outer) {
      if (bound.closed) return bound.failure ?? new CancelledError(`This part of ${title(this)} has ended`);
    }
    return this.root.refusal();
  }

  /** Why what goes on in it is being stopped; undefined when nobody has said. */
  stopReason(innermost: Bound | null = this.bound): unknown {
    for (let bound = innermost; bound !== null; bound = bound.outer) {
      if (bound.failure !== undefined) return bound.failure;
    }
    return this.root.reason;
  }

  /** Whether it is in `within`. */
  isWithin(within: Bound): boolean {
    for (let { bound } = this as CallView; bound !== null; bound = bound.outer) if (bound === within) return true;
    return false;
  }

  /** Takes the hooks that interceptors outside `level` have registered and that belong to no run yet; all of them for `Infinity`. */
  takeHooks(level: number): Hook | null {
    const outside = this.origin === null ? null : this.origin.takeHooks(level);
    if (this.hooks === null) return outside;
    if (areOutside(this.hooks, level)) {
      const all = this.hooks;
      this.hooks = null;
      return joined(all, outside);
    }
    let taken: Hook | null = null;
    let kept: Hook | null = null;
    // Turned round twice, the innermost comes first again.
    for (const hook of listed(this.hooks).reverse()) {
      if (hook.level < level) taken = { ...hook, next: taken };
      else kept = { ...hook, next: kept };
    }
    this.hooks = kept;
    return joined(taken, outside);
  }

  /** Whether there is a deadline around it that the call itself has set. */
  get bounded(): boolean {
    return this.around !== null;
  }

  /** It is over, and nothing in it goes on: it keeps nothing of what was in it. */
  letGo(): void {
    this.hold = null;
    this.locals = null;
  }

  /** Whether hooks are registered that belong to no run yet. */
  get hasHooks(): boolean {
    return this.hooks !== null;
  }
}

Object.defineProperty(CallView.prototype, VIEW, { value: true });

/** Whether an interceptor has passed on a view, and not something of its own. Asked at every level, where `instanceof` takes too long. */
export function isCallView(value: unknown): value is CallView {
  try {
    return (value as { readonly [VIEW]?: true } | null | undefined)?.[VIEW] === true;
  } catch {
    return false;
  }
}

/** Whether all of them are of interceptors outside `level`: so it is, as a rule, and the list can be handed on as it is. */
function areOutside(hooks: Hook, level: number): boolean {
  for (let hook: Hook | null = hooks; hook !== null; hook = hook.next) if (hook.level >= level) return false;
  return true;
}

function listed(hooks: Hook | null): Hook[] {
  const list: Hook[] = [];
  for (let hook = hooks; hook !== null; hook = hook.next) list.push(hook);
  return list;
}

/** The inner hooks, and then the outer. */
function joined(inner: Hook | null, outer: Hook | null): Hook | null {
  if (inner === null) return outer;
  return outer === null ? inner : listed(inner).reduceRight<Hook | null>((next, hook) => ({ ...hook, next }), outer);
}

/** Asked for often, it is one for all, and reads no clock. */
const NO_DEADLINE: Deadline = Object.freeze({
  at: Number.POSITIVE_INFINITY,
  scope: 'none',
  remaining: () => Number.POSITIVE_INFINITY,
});

/** The earliest deadline in force around `view`, through all the calls that it is made in. */
function nearestDeadline(view: CallView, innermost: Bound | null): Deadline {
  let at = Number.POSITIVE_INFINITY;
  let scope = 'none';
  // Of equal ones the outer is told: it is the one that fires first.
  const consider = (own: number, whose: string): void => {
    if (own > at || own === Number.POSITIVE_INFINITY) return;
    at = own;
    scope = whose;
  };
  for (let call: CallView | null = view; call !== null; call = call.root.caller?.call ?? null) {
    for (let bound = call === view ? innermost : call.bound; bound !== null; bound = bound.outer) {
      consider(bound.deadline(), bound.scope);
    }
    const { boundBy } = call.root;
    if (boundBy !== undefined) {
      consider(boundBy.at, boundBy.scope);
      break;
    }
    const run = call.root.caller?.asRun;
    if (run) consider(run.deadlineAt, 'run');
  }
  if (at === Number.POSITIVE_INFINITY) return NO_DEADLINE;
  const { clock } = view;
  return { at, scope, remaining: () => Math.max(0, at - clock.now()) };
}

/**
 * What an error says about the call that it is about.
 *
 * @example
 * ```ts
 * import { callInfo } from '@sluice/core';
 *
 * const call = { target: 'tool', name: 'search', attempt: 2, runId: 'r1' } as const;
 * console.assert(callInfo(call).attempt === 2);
 * ```
 */
export function callInfo(view: Pick<Call, 'target' | 'name' | 'attempt' | 'runId'>): {
  target: TargetKind;
  name: string;
  attempt: number;
  runId: string;
} {
  return { target: view.target, name: view.name, attempt: view.attempt, runId: view.runId };
}

/**
 * A call in words, to begin a message with.
 *
 * @example
 * ```ts
 * import { title } from '@sluice/core';
 *
 * console.assert(title({ target: 'tool', name: 'search' }) === 'Tool "search"');
 * ```
 */
export function title(call: Pick<Call, 'target' | 'name'>): string {
  return `${KINDS[call.target]} "${call.name}"`;
}

const KINDS: Readonly<Record<TargetKind, string>> = { stage: 'Stage', tool: 'Tool', function: 'Function' };

/**
 * A call as the scope of an error or deadline.
 *
 * @example
 * ```ts
 * import { scopeOf } from '@sluice/core';
 *
 * console.assert(scopeOf({ target: 'tool', name: 'search' }) === 'tool:search');
 * ```
 */
export function scopeOf(call: Pick<Call, 'target' | 'name'>): string {
  return `${call.target}:${call.name}`;
}

/** The error of a call that was stopped for `reason`: the reason itself when it is a cancellation already, and nothing was achieved. */
export function cancelledBy(call: CallView, reason: unknown): CancelledError {
  const { partial } = call.root;
  // The reason is the same for all that is stopped; what was achieved is each one's own.
  // Looked at with care: anything may be thrown, and be a reason.
  const known = isSluiceError(reason, 'CANCELLED') && reason instanceof CancelledError ? reason : undefined;
  if (known !== undefined && (partial === undefined || known.partial !== undefined)) return known;
  const message = known === undefined ? `${title(call)} was cancelled` : known.message;
  return new CancelledError(message, {
    call: callInfo(call),
    scope: scopeOf(call),
    ...(partial === undefined ? {} : { partial }),
    ...(reason === undefined ? {} : { cause: reason }),
  });
}
