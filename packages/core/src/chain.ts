import type { Call } from './call.ts';
import { type CallView, isCallView, NOBODY } from './call-view.ts';
import { describe } from './describe.ts';
import type { Inwards } from './drive-next.ts';
import type { Drive, Driven } from './driven.ts';
import type { Environment } from './environment.ts';
import { InterceptorError } from './errors/interceptor-error.ts';
import { Execution } from './execution.ts';
import { asObservable, Flow, type Handle, Inlet, isFlow, type Sink } from './flow.ts';
import { HookedRun } from './hooked-run.ts';
import type { Interceptor, Next } from './interceptor.ts';
import type { Part } from './part.ts';
import type { PolicyFields, ResolvedPolicy } from './policies.ts';
import type { Target } from './target.ts';

/** One interceptor in its place, with the options that hold for the target. */
export interface Link {
  readonly interceptor: Interceptor;
  readonly policy: ResolvedPolicy | undefined;
  /** What the interceptor has made of them; the options themselves where it makes nothing of them. */
  readonly prepared: PolicyFields | undefined;
}

/** What the drive needs of a link, in one shape whatever the interceptor's own is. */
interface Step {
  readonly interceptor: Interceptor;
  readonly intercept: Interceptor['intercept'];
  /** How it is driven without being asked; null for one that has to be asked. */
  readonly drive: Drive | null;
  readonly applies: ((call: Call) => boolean) | null;
  readonly next: Next;
  readonly key: string | undefined;
  readonly prepared: PolicyFields | undefined;
}

/** A stack compiled for one target of one runner: who stands around it, in order, and what each `next` leads to. */
export class Chain {
  readonly environment: Environment;
  readonly target: Target;
  readonly links: readonly Link[];
  /** What leads to the outermost level. */
  readonly outermost: Next;
  readonly #steps: readonly Step[];

  constructor(environment: Environment, target: Target, links: readonly Link[]) {
    this.environment = environment;
    this.target = target;
    this.links = links;
    this.outermost = (call) => new ChainFlow(this, 0, call);
    this.#steps = links.map(({ interceptor, prepared }, level) => ({
      interceptor,
      intercept: interceptor.intercept,
      drive: (interceptor.intercept as Partial<Driven>).drive ?? null,
      applies: typeof interceptor.applies === 'function' ? interceptor.applies : null,
      next: this.#nextTo(level + 1),
      key: interceptor.policy?.key,
      prepared,
    }));
  }

  /** The options under `key`: those of the interceptor at `level` if it claims the key, else those of the first that does. */
  policy(key: string, level: number): PolicyFields | undefined {
    const own = this.#steps[level];
    const step = own?.key === key ? own : this.#steps.find((one) => one.key === key);
    return step?.prepared;
  }

  #nextTo(level: number): Inwards {
    return Object.assign((call: Call) => new ChainFlow(this, level, call), { chain: this, level, inwards: null });
  }

  /** Runs the chain from `level` inwards with `view`, and the work at its end. */
  drive(level: number, given: CallView, sink: Sink): Handle | null {
    const view = level <= given.reached ? given.again({ error: given.root.lastError }) : given;
    view.enter(level);
    const refusal = view.refusal();
    if (refusal !== undefined) return refuse(level, view, sink, refusal);
    const step = this.#steps[level];
    if (step === undefined) return new Execution(view, sink).begin();
    const { drive, applies } = step;
    if (drive === null || applies !== null) return this.#ask(level, view, sink, step);
    view.asked = level;
    try {
      return view.hasHooks ? heldDrive(level, view, sink, step) : drive(view, step.next, sink, step.prepared);
    } catch (error) {
      return this.#fail(level, view, sink, 'threw', error);
    } finally {
      view.asked = NOBODY;
    }
  }

  /**
   * Asks the interceptor at `level`, or passes it over.
   *
   * One that returns what `next` gave it costs no sink and no frame. Hooks that it registered meanwhile wait on the view, until there is a run
   * that they can belong to.
   */
  #ask(level: number, given: CallView, sink: Sink, step: Step): Handle | null {
    const { interceptor, intercept, applies, drive, next, prepared } = step;
    let view = given;
    let flow: unknown;
    try {
      if (applies !== null && !applies(view)) return this.drive(level + 1, view, sink);
      if (drive === null) view = given.askedAt(level);
      view.asked = level;
      if (drive !== null) return view.hasHooks ? heldDrive(level, view, sink, step) : drive(view, next, sink, prepared);
      flow = intercept.call(interceptor, view, next);
    } catch (error) {
      return this.#fail(level, view, sink, 'threw', error);
    } finally {
      view.asked = NOBODY;
    }
    if (!isFlow(flow)) return this.#letIn(level, view, sink, flow);
    if (this.#isRest(flow, level + 1) && isCallView(flow.view))
      return this.drive(level + 1, flow.view.inside(level + 1), sink);
    return view.hasHooks ? heldFlow(level, view, sink, flow) : flow.drive(sink);
  }

  /** Whether `flow` is what `next` leads to at `level`. */
  #isRest(flow: Flow, level: number): flow is ChainFlow {
    const rest = flow as ChainFlow;
    return rest.chain === this && rest.level === level;
  }

  /** Lets in what the interceptor at `level` returned, when that is no flow. */
  #letIn(level: number, view: CallView, sink: Sink, flow: unknown): Handle | null {
    let source: ReturnType<typeof asObservable>;
    try {
      source = typeof flow === 'object' && flow !== null ? asObservable(flow) : undefined;
    } catch (error) {
      return this.#fail(level, view, sink, 'returned something that throws when it is looked at', error);
    }
    if (source === undefined) {
      return this.#fail(level, view, sink, `returned ${describe(flow)} instead of an Observable`);
    }
    const { name } = (this.links[level] as Link).interceptor;
    const observable = source;
    return held(level, view, sink, (inner) => new InterceptorInlet(inner, name, view).begin(observable));
  }

  #fail(level: number, view: CallView, sink: Sink, fault: string, cause?: unknown): null {
    const { name } = (this.links[level] as Link).interceptor;
    const error = new InterceptorError(name, fault, cause === undefined ? {} : { cause });
    // What has delivered its end already can deliver nothing more.
    if (sink.enough === true) view.root.environment.report(error);
    else refuse(level, view, sink, error);
    return null;
  }
}

/** Puts a hold around a run when somebody has asked to be told of it. */
function held(level: number, view: CallView, sink: Sink, run: (sink: Sink) => Handle | null): Handle | null {
  if (!view.hasHooks) return run(sink);
  return new HookedRun(view, view.takeHooks(level), sink).drive(run);
}

/** Apart from the drive, as the next. */
function heldDrive(level: number, view: CallView, sink: Sink, { drive, next, prepared }: Step): Handle | null {
  return held(level, view, sink, (inner) => (drive as Drive)(view, next, inner, prepared));
}

/** Apart from the drive, which is not to make a closure for each level. */
function heldFlow(level: number, view: CallView, sink: Sink, flow: Flow): Handle | null {
  return held(level, view, sink, (inner) => flow.drive(inner));
}

function refuse(level: number, view: CallView, sink: Sink, error: unknown): Handle | null {
  return held(level, view, sink, (inner) => {
    inner.error(error);
    return null;
  });
}

function reportTeardown(view: CallView, interceptor: string, error: unknown): void {
  view.root.environment.report(new InterceptorError(interceptor, 'threw while it was torn down', { cause: error }));
}

/** What `next` returns: the rest of the chain, from `level` inwards, with a view of the call. */
class ChainFlow extends Flow {
  readonly chain: Chain;
  readonly level: number;
  readonly view: CallView;

  constructor(chain: Chain, level: number, call: Call) {
    super();
    this.chain = chain;
    this.level = level;
    this.view = call as CallView;
  }

  drive(sink: Sink): Handle | null {
    if (isCallView(this.view)) return this.chain.drive(this.level, this.view.inside(this.level), sink);
    sink.error(new InterceptorError(this.#interceptor, `passed ${describe(this.view)} to next() instead of a call`));
    return null;
  }

  teardownThrew(error: unknown): void {
    reportTeardown(this.view, this.#interceptor, error);
  }

  get #interceptor(): string {
    return this.chain.links[this.level - 1]?.interceptor.name ?? '(chain)';
  }
}

/** Lets in what an interceptor has returned. A part of the call: it ends with it, also where an operator does not pass the end on. */
class InterceptorInlet extends Inlet implements Part {
  partBefore: Part | null = null;
  partAfter: Part | null = null;
  private readonly interceptor: string;
  private readonly view: CallView;
  private emitted = false;

  constructor(sink: Sink, interceptor: string, view: CallView) {
    super(sink);
    this.interceptor = interceptor;
    this.view = view;
    view.root.openPart(this);
  }

  protected override _next(value: unknown): void {
    this.emitted = true;
    super._next(value);
  }

  /** An interceptor must not turn a value into nothing: an end without a value is its fault, unless the work is a stream. */
  protected override _complete(): void {
    if (this.emitted || this.view.root.streaming) super._complete();
    else this._error(new InterceptorError(this.interceptor, 'completed without a value'));
  }

  protected override ended(): void {
    this.view.root.closePart(this);
  }

  protected override teardownThrew(error: unknown): void {
    reportTeardown(this.view, this.interceptor, error);
  }
}
