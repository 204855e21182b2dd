import type { Call } from './call.ts';
import type { Clock } from './clock.ts';
import { EventStream, type ListenerThrew } from './event-stream.ts';
import type { SluiceEvent } from './events.ts';
import type { Observable } from './flow.ts';

/** Where the events of a runner come together. Nothing is built while nobody listens. */
export class EventHub {
  /** Whether anybody listens: to be asked before an event is put together. */
  listening = false;
  /** The events, for whoever subscribes. */
  readonly events$: Observable<SluiceEvent>;
  readonly #clock: Clock;
  readonly #listeners = new Set<(event: SluiceEvent) => void>();
  readonly #queue: SluiceEvent[] = [];
  #seq = 0;

  constructor(clock: Clock, listenerThrew: ListenerThrew) {
    this.#clock = clock;
    this.events$ = new EventStream(listenerThrew, (listener) => this.#listen(listener));
  }

  /** Tells everybody. `call` is what it is about, if it is about one. */
  emit(type: string, call: Call | undefined, data?: Readonly<Record<string, unknown>>): void {
    if (!this.listening) return;
    const event = {
      ...data,
      type,
      seq: ++this.#seq,
      at: this.#clock.now(),
      ...(call === undefined ? {} : about(call)),
    } as SluiceEvent;
    this.#queue.push(event);
    if (this.#queue.length > 1) return;
    // What a listener sets off is told after what it was told: everybody hears everything in one order.
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      for (const listener of [...this.#listeners]) listener(next);
      this.#queue.shift();
    }
  }

  #listen(listener: (event: SluiceEvent) => void): () => void {
    this.#listeners.add(listener);
    this.listening = true;
    return () => {
      this.#listeners.delete(listener);
      this.listening = this.#listeners.size > 0;
    };
  }
}

function about(call: Call): object {
  const { target, name, kind, attempt, runId, correlationId } = call;
  return { runId, correlationId, target, name, ...(kind === undefined ? {} : { kind }), attempt };
}
