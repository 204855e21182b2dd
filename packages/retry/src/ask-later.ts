import type { Handle, Sink } from '@sluice/core';

/** Goes on when something that has to be asked for has been answered, unless it was stopped meanwhile. Answers how to stop it. */
export function askLater<T>(ask: () => Promise<T>, goOn: (answer: T, sink: Sink) => Handle | null, sink: Sink): Handle {
  let inner: Handle | null = null;
  let over = false;
  ask().then(
    (answer) => {
      if (!over) inner = goOn(answer, sink);
    },
    (error: unknown) => {
      if (!over) sink.error(error);
    },
  );
  return {
    cancel(reason) {
      over = true;
      inner?.cancel(reason);
    },
  };
}
