import type { Sign } from './bound-options.ts';
import type { Deadline } from './call.ts';
import type { CallView } from './call-view.ts';
import { driveNext } from './drive-next.ts';
import type { Handle } from './flow.ts';
import type { Next } from './interceptor.ts';
import { Invocation } from './invocation.ts';
import { Scope } from './scope.ts';
import type { SharedRun } from './shared-run.ts';
import type { StageCall } from './stage-call.ts';

/** The call that a shared run is: beside those that wait for it, and not in any of them. */
export class SharedCall extends Invocation {
  readonly #run: SharedRun;
  readonly #lead: CallView;
  readonly #next: Next;

  constructor(run: SharedRun, lead: CallView, next: Next, idempotencyKey: string | undefined) {
    const { chain, input, caller, runId, correlationId, receiver } = lead.root;
    super(
      chain,
      input,
      caller,
      { runId, correlationId, idempotencyKey: idempotencyKey ?? lead.root.idempotencyKey },
      receiver,
    );
    this.#run = run;
    this.#lead = lead;
    this.#next = next;
  }

  /** The call as a whole. */
  get whole(): CallView {
    return this.view;
  }

  /** It may outlive whoever began it. */
  protected override join(): void {
    this.keepContext();
    new Beside(this.environment.root).adopt(this);
    this.#count(-1);
  }

  /** Those that wait for it are counted, and it is not: until they have their verdict, when it goes on alone. */
  #count(by: 1 | -1): void {
    const { gauges, root } = this.environment;
    gauges.running += by;
    if (this.caller === null) root.open += by;
  }

  /** Its verdict is given. */
  decided(): void {
    this.#count(1);
  }

  /** Whoever began it may leave it to others. */
  override get boundBy(): Deadline | undefined {
    return this.#run.deadline;
  }

  /** Those that wait for it were. */
  protected override get admitted(): boolean {
    return true;
  }

  protected override drive(): Handle | null {
    return driveNext(this.view, this.#next, this);
  }

  override workStarts(): void {
    if (this.openWorks === 0) this.#run.startsOver();
    super.workStarts();
  }

  override heard(sign: Sign, at: number, details: unknown): void {
    super.heard(sign, at, details);
    this.#run.heard(sign, at, details);
  }

  /** Those that wait for it are the calls that are told of. */
  protected override announce(): void {}

  protected override get ownStage(): StageCall {
    return this.#lead.root.stage as StageCall;
  }

  protected override trySettle(): boolean {
    if (!super.trySettle()) return false;
    this.#run.settled();
    return true;
  }
}

/** Where a shared run stands in the tree: at its top, but none of the calls that are counted there. */
class Beside extends Scope {
  readonly verdict = 'ok';
  #released = false;

  constructor(root: Scope) {
    super();
    root.adopt(this);
  }

  onAbort(): void {}

  protected tryRelease(): boolean {
    if (this.#released || this.unreleased > 0) return false;
    this.#released = true;
    return true;
  }

  protected trySettle(): boolean {
    return !this.hasChildren;
  }
}
