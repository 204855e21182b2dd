import { alarm, type Clock } from '@sluice/core';
import { Observable, type Subscriber } from 'rxjs';
import type { CircuitState } from './circuit-state.ts';
import type { StoredCircuit } from './store.ts';

/** What a circuit does, as a stream: what it does now, and each change. Has a timer only while somebody listens and time will change it. */
export class StateStream {
  readonly state$: Observable<CircuitState>;
  readonly #clocked: { readonly clock: Clock };
  readonly #circuit: StoredCircuit;
  readonly #listeners = new Set<Subscriber<CircuitState>>();
  #told: CircuitState = 'closed';
  #telling = false;
  #cancelAlarm: (() => void) | undefined;

  constructor(clocked: { readonly clock: Clock }, circuit: StoredCircuit) {
    this.#clocked = clocked;
    this.#circuit = circuit;
    this.state$ = new Observable((subscriber) => {
      if (this.#listeners.size === 0) this.#told = this.#state();
      this.#listeners.add(subscriber);
      subscriber.next(this.#told);
      this.check();
      return () => {
        this.#listeners.delete(subscriber);
        this.#arm();
      };
    });
  }

  /** Whether somebody listens. */
  get heard(): boolean {
    return this.#listeners.size > 0;
  }

  /** It may have changed. What a listener does is told when all have heard of what was before. */
  check(): void {
    this.#arm();
    if (this.#listeners.size === 0 || this.#telling) return;
    this.#telling = true;
    for (let state = this.#state(); state !== this.#told; state = this.#state()) {
      this.#told = state;
      for (const listener of [...this.#listeners]) listener.next(state);
    }
    this.#telling = false;
  }

  #state(): CircuitState {
    return this.#circuit.state(this.#clocked.clock.now());
  }

  #arm(): void {
    this.#cancelAlarm?.();
    this.#cancelAlarm = undefined;
    const at = this.#circuit.nextChangeAt;
    if (at === undefined || this.#listeners.size === 0) return;
    const { clock } = this.#clocked;
    this.#cancelAlarm = alarm(clock, Math.max(0, at - clock.now()), () => {
      this.#cancelAlarm = undefined;
      this.#circuit.tick(clock.now());
      this.check();
    });
  }
}
