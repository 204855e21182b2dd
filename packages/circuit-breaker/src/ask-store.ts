import type { Call, Handle, Sink } from '@sluice/core';
import type { PermitAnswer } from './keyed-circuit.ts';

/** What is done with the answer of a store that is elsewhere. */
export interface Asker {
  /** It has answered: goes on. */
  answered(answer: PermitAnswer, call: Call, sink: Sink): Handle | null;
  /** It has let the call through, which is over already. */
  wasted(answer: PermitAnswer): void;
  /** It has failed: goes on all the same. */
  failed(error: unknown, call: Call, sink: Sink): Handle | null;
}

/** Waits for the answer of a store that is elsewhere. Answers how to stop it. */
export function askStore(call: Call, answer: PromiseLike<PermitAnswer>, asker: Asker, sink: Sink): Handle {
  let over = false;
  let inside: Handle | null = null;
  answer.then(
    (known) => {
      if (over) asker.wasted(known);
      else inside = asker.answered(known, call, sink);
    },
    (error: unknown) => {
      if (!over) inside = asker.failed(error, call, sink);
    },
  );
  return {
    cancel(reason) {
      over = true;
      inside?.cancel(reason);
    },
  };
}
