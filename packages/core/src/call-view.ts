import type { Call, Deadline, Kind, TargetKind } from './call.ts';
import type { Clock } from './clock.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import type { Hold } from './hold.ts';
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
}

/**
 * A call as interceptors see it: the call itself, one attempt of it, or the part of it inside a deadline. It passes each level of
 * the chain at most once, going inwards; a second subscription at a level makes a view of its own, the next attempt's.
 */
export class CallView implements Call {
  /** The call that this is a view of. */
  readonly root: Invocation;
  /** The view around this one: the nearest deadline's, or the call's own. */
  readonly outer: CallView | null;
  readonly attempt: number;
  readonly previous: Previous | undefined;
  /** The innermost level of the chain that it has reached. */
  reached = -1;
  /** The innermost run with hooks that it is part of. */
  hold: Hold | null = null;
  /** True once this part of the call is over: nothing starts in it any more. */
  closed = false;
  /** Why it is over, if by its deadline. */
  failure: unknown = undefined;
  /** The view that this one was made from, until it is first used: that decides which holds it is part of. */
  private origin: CallView | null;
  private hooks: Hook | null = null;

  constructor(
    root: Invocation,
    outer: CallView | null,
    attempt: number,
    previous?: Previous,
    origin: CallView | null = null,
  ) {
    this.root = root;
    this.outer = outer;
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
    return this.root.caller?.call;
  }

  get clock(): Clock {
    return this.root.environment.clock;
  }

  get deadline(): Deadline {
    return nearestDeadline(this);
  }

  policy(key: string): PolicyFields | undefined {
    return this.root.chain.policy(key, this.reached);
  }

  emit(type: string, data?: Readonly<Record<string, unknown>>): void {
    const { events } = this.root.environment;
    if (events.listening) events.emit(type, this, data);
  }

  onEnd(fn: (outcome: Outcome) => void): void {
    this.hooks = { level: this.reached, onEnd: fn, onSettled: null, next: this.hooks };
  }

  onSettled(fn: () => void): void {
    this.hooks = { level: this.reached, onEnd: null, onSettled: fn, next: this.hooks };
  }

  again(previous: { readonly error: unknown }): CallView {
    const { root } = this;
    const attempt = Math.max(this.attempt, root.started) + 1;
    const partial = root.partial;
    const known: Previous = partial === undefined ? { error: previous.error } : { error: previous.error, partial };
    return new CallView(root, this.attemptOf, attempt, known, this);
  }

  /** The view that a further attempt of this one stands in: attempts stand beside each other, inside the same deadlines. */
  protected get attemptOf(): CallView | null {
    return this.outer;
  }

  /** When the deadline that this view itself sets is; `Infinity` for a view that sets none. */
  ownDeadline(): number {
    return Number.POSITIVE_INFINITY;
  }

  /** Whose deadline {@link ownDeadline} is. */
  get ownScope(): string {
    return 'none';
  }

  /** Notes that the chain reaches `level` with it. */
  enter(level: number): void {
    if (this.origin !== null) {
      this.hold = this.origin.holdOutside(level);
      this.hooks ??= this.origin.takeHooks(level);
      this.origin = null;
    }
    this.reached = level;
  }

  /** The innermost hold around `level`. */
  holdOutside(level: number): Hold | null {
    if (this.origin !== null) return this.origin.holdOutside(level);
    let hold = this.hold;
    while (hold !== null && hold.level >= level) hold = hold.outer;
    return hold;
  }

  /** Why nothing may start in it any more; undefined while it may. */
  refusal(): unknown {
    for (let view: CallView | null = this; view !== null; view = view.outer) {
      if (view.closed) return view.failure ?? new CancelledError(`This part of ${title(this)} has ended`);
    }
    return this.root.refusal();
  }

  /** Whether it is `view` or a part of it. */
  isWithin(view: CallView): boolean {
    for (let part: CallView | null = this; part !== null; part = part.outer) if (part === view) return true;
    return false;
  }

  /** Takes the hooks that interceptors outside `level` have registered and that belong to no run yet; all of them for `Infinity`. */
  takeHooks(level: number): Hook | null {
    let hook = this.hooks;
    if (hook === null) return null;
    const kept: Hook[] = [];
    for (; hook !== null && hook.level >= level; hook = hook.next) kept.push(hook);
    this.hooks = kept.reduceRight<Hook | null>((next, one) => ({ ...one, next }), null);
    return hook;
  }

  /** Whether hooks are registered that belong to no run yet. */
  get hasHooks(): boolean {
    return this.hooks !== null;
  }
}

/** The earliest deadline around `view`, through all the calls that it is made in. */
function nearestDeadline(view: CallView): Deadline {
  let at = Number.POSITIVE_INFINITY;
  let scope = 'none';
  for (let call: CallView | undefined = view; call !== undefined; call = call.root.caller?.call) {
    for (let part: CallView | null = call; part !== null; part = part.outer) {
      const own = part.ownDeadline();
      // Of equal ones the outer is told: it is the one that fires first.
      if (own <= at && own !== Number.POSITIVE_INFINITY) {
        at = own;
        scope = part.ownScope;
      }
    }
  }
  const { clock } = view;
  return { at, scope, remaining: () => Math.max(0, at - clock.now()) };
}

/** What an error says about the call that it is about. */
export function callInfo(view: Call): { target: TargetKind; name: string; attempt: number; runId: string } {
  return { target: view.target, name: view.name, attempt: view.attempt, runId: view.runId };
}

/** A call in words, to begin a message with: `Tool "search"`. */
export function title(call: Pick<Call, 'target' | 'name'>): string {
  return `${call.target[0]?.toUpperCase()}${call.target.slice(1)} "${call.name}"`;
}

/** A call as the scope of an error or deadline: `tool:search`. */
export function scopeOf(call: Pick<Call, 'target' | 'name'>): string {
  return `${call.target}:${call.name}`;
}

/** The error of a call that was stopped for `reason`: the reason itself when it is a cancellation already. */
export function cancelledBy(call: Call, reason: unknown): CancelledError {
  if (reason instanceof CancelledError) return reason;
  return new CancelledError(`${title(call)} was cancelled`, {
    call: callInfo(call),
    scope: scopeOf(call),
    ...(reason === undefined ? {} : { cause: reason }),
  });
}
