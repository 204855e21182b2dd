import { type Call, driveNext, Flow, type Handle, type Next, reportFault, type Sink } from '@sluice/core';
import type { PermitAnswer } from './keyed-circuit.ts';

/** What is done with the answer of a store that is elsewhere. */
export interface Asker {
  /** What its plugin is called. */
  readonly name: string;
  /** It has answered: goes on. */
  answered(answer: PermitAnswer): Next;
  /** It has let the call through, which is over already. */
  wasted(answer: PermitAnswer): void;
  /** It has failed: goes on all the same. */
  failed(error: unknown): Next;
}

/** Waits for the answer of a store that is elsewhere. */
export class AskingFlow extends Flow {
  readonly #call: Call;
  readonly #answer: PromiseLike<PermitAnswer>;
  readonly #asker: Asker;

  constructor(call: Call, answer: PromiseLike<PermitAnswer>, asker: Asker) {
    super();
    this.#call = call;
    this.#answer = answer;
    this.#asker = asker;
  }

  drive(sink: Sink): Handle {
    const asker = this.#asker;
    let over = false;
    let inside: Handle | null = null;
    const goOn = (next: Next): void => {
      inside = driveNext(this.#call, next, sink);
    };
    this.#answer.then(
      (answer) => {
        if (over) asker.wasted(answer);
        else goOn(asker.answered(answer));
      },
      (error: unknown) => {
        if (!over) goOn(asker.failed(error));
      },
    );
    return {
      cancel(reason) {
        over = true;
        inside?.cancel(reason);
      },
    };
  }

  teardownThrew(error: unknown): void {
    reportFault(this.#call, this.#asker.name, 'threw while it was torn down', error);
  }
}
