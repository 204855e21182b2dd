import type { Clock } from './clock.ts';
import { channels } from './event-channels.ts';
import type { EventLog } from './event-log.ts';
import { EventStream, type Listener, type ListenerThrew } from './event-stream.ts';
import type { SluiceEvent } from './events.ts';
import type { Observable } from './flow.ts';
import { messageOf } from './message-of.ts';

/** A run, as far as events are concerned: who listens to it, and the run that it is a part of. */
export interface EventScope {
  readonly listeners: Set<Listener<SluiceEvent>>;
  readonly parentRun: EventScope | null;
}

interface Told {
  readonly event: SluiceEvent;
  readonly run: EventScope | null;
}

/** Where the events of a runner come together. Nothing is built while nobody listens. */
export class EventHub {
  /** The events, for whoever subscribes. */
  readonly events$: Observable<SluiceEvent>;
  readonly #clock: Clock;
  readonly #threw: ListenerThrew;
  readonly #listeners = new Set<Listener<SluiceEvent>>();
  readonly #queue: Told[] = [];
  #heard = 0;
  #log: EventLog | null = null;
  #seq = 0;

  constructor(clock: Clock, listenerThrew: ListenerThrew) {
    this.#clock = clock;
    this.#threw = listenerThrew;
    this.events$ = this.#streamFrom(this.#listeners);
  }

  /** Writes down what happens, for people. */
  logTo(log: EventLog): void {
    this.#log = log;
  }

  /** Whether anybody wants to hear of everything: to be asked before an event is put together. */
  get listening(): boolean {
    return this.#heard > 0 || channels.active || this.#log?.detailed === true;
  }

  /** Whether anybody wants to hear of what is out of the ordinary, if of nothing else. */
  get noting(): boolean {
    return this.listening || this.#log?.writes === true;
  }

  /** Whether anybody wants to hear of events of this type. */
  wants(type: string): boolean {
    return this.listening || this.#log?.notes(type) === true;
  }

  /** The events of one run and of all runs within it, for as long as it lasts. */
  eventsOf(run: EventScope): Observable<SluiceEvent> {
    return this.#streamFrom(run.listeners);
  }

  /** Tells everybody. `facts` say what it is about, and `run` the run that this is a part of. */
  emit(type: string, facts: object, run: EventScope | null, data?: Readonly<Record<string, unknown>>): void {
    if (!this.wants(type)) return;
    const seq = ++this.#seq;
    const at = this.#clock.now();
    // A spread costs a tenth where nothing follows it. Data cannot pass itself off as what core says.
    const event = { type, seq, at, ...data };
    this.#queue.push({ event: Object.assign(event, { type, seq, at }, facts) as SluiceEvent, run });
    if (this.#queue.length > 1) return;
    // What a listener sets off is told after what it was told: everybody hears everything in one order.
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      for (const listener of [...this.#listeners]) listener.next(next.event);
      for (let scope = next.run; scope !== null; scope = scope.parentRun) {
        for (const listener of [...scope.listeners]) listener.next(next.event);
      }
      this.#writeDown(next.event);
      this.#queue.shift();
    }
  }

  /** Nothing that goes wrong here may keep the next event from being told. */
  #writeDown(event: SluiceEvent): void {
    try {
      if (channels.active) channels.publish(event);
      this.#log?.write(event);
    } catch (error) {
      process.emitWarning(
        `An event of type ${event.type} could not be written down: ${messageOf(error)}`,
        'SluiceWarning',
      );
    }
  }

  #streamFrom(listeners: Set<Listener<SluiceEvent>>): Observable<SluiceEvent> {
    return new EventStream<SluiceEvent>(this.#threw, (listener) => {
      listeners.add(listener);
      this.#heard++;
      return () => {
        if (listeners.delete(listener)) this.#heard--;
      };
    });
  }
}
