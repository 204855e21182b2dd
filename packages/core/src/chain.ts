import type { Call } from './call.ts';
import { CallView, NOBODY } from './call-view.ts';
import { describe } from './describe.ts';
import type { Environment } from './environment.ts';
import { InterceptorError } from './errors/interceptor-error.ts';
import { Execution } from './execution.ts';
import { asObservable, Flow, type Handle, Inlet, type Sink } from './flow.ts';
import { Hold } from './hold.ts';
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
  readonly applies: ((call: Call) => boolean) | null;
  readonly next: Next;
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
    this.#steps = links.map(({ interceptor }, level) => ({
      interceptor,
      intercept: interceptor.intercept,
      applies: typeof interceptor.applies === 'function' ? interceptor.applies : null,
      next: (call) => new ChainFlow(this, level + 1, call),
    }));
  }

  /** The options under `key`: those of the interceptor at `level` if it claims the key, else those of the first that does. */
  policy(key: string, level: number): PolicyFields | undefined {
    const own = this.links[level];
    const link =
      own?.interceptor.policy?.key === key
        ? own
        : this.links.find(({ interceptor }) => interceptor.policy?.key === key);
    return link?.prepared;
  }

  /**
   * Runs the chain from `level` inwards with `view`, and the work at its end.
   *
   * An interceptor that returns what `next` gave it costs no sink and no frame: the loop goes on to the next level. Hooks that it
   * registered meanwhile wait on the view, until there is a run that they can belong to.
   */
  drive(from: number, first: CallView, sink: Sink): Handle | null {
    let level = from;
    let view = first;
    for (;;) {
      if (level <= view.reached) view = view.again({ error: view.root.lastError });
      view.enter(level);
      const refusal = view.refusal();
      if (refusal !== undefined) {
        return held(level, view, sink, (inner) => {
          inner.error(refusal);
          return null;
        });
      }
      if (level === this.links.length) return new Execution(view, sink).begin();
      const step = this.#steps[level] as Step;
      let flow: unknown;
      try {
        const { applies } = step;
        if (applies !== null && !applies(view)) {
          level++;
          continue;
        }
        view.asked = level;
        flow = step.intercept.call(step.interceptor, view, step.next);
        view.asked = NOBODY;
      } catch (error) {
        view.asked = NOBODY;
        return this.#fail(level, view, sink, 'threw', error);
      }
      if (
        flow instanceof ChainFlow &&
        flow.chain === this &&
        flow.level === level + 1 &&
        flow.view instanceof CallView
      ) {
        view = flow.view;
        level++;
        continue;
      }
      return this.#follow(level, view, sink, flow);
    }
  }

  /** Drives what the interceptor at `level` returned, when that is not simply the next level. */
  #follow(level: number, view: CallView, sink: Sink, flow: unknown): Handle | null {
    if (flow instanceof Flow) return held(level, view, sink, (inner) => flow.drive(inner));
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
    held(level, view, sink, (inner) => {
      inner.error(new InterceptorError(name, fault, cause === undefined ? {} : { cause }));
      return null;
    });
    return null;
  }
}

/** Puts a hold around a run when somebody has asked to be told of it. */
function held(level: number, view: CallView, sink: Sink, run: (sink: Sink) => Handle | null): Handle | null {
  if (!view.hasHooks) return run(sink);
  return new Hold(view, level, view.takeHooks(level), sink).drive(run);
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
    if (this.view instanceof CallView) return this.chain.drive(this.level, this.view, sink);
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
