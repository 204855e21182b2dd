import { Observable, type Subscriber } from 'rxjs';

/** Whether one more call would have to wait, as a stream: what it is now, and each change. */
export class Saturation {
  readonly saturated$: Observable<boolean>;
  readonly #listeners = new Set<Subscriber<boolean>>();
  readonly #is: () => boolean;
  /** How many they are: asked for with every call. */
  #heard = 0;
  #told = false;
  #telling = false;

  constructor(is: () => boolean) {
    this.#is = is;
    this.saturated$ = new Observable((subscriber) => {
      if (this.#listeners.size === 0) this.#told = this.#is();
      this.#listeners.add(subscriber);
      this.#heard = this.#listeners.size;
      subscriber.next(this.#told);
      return () => {
        this.#listeners.delete(subscriber);
        this.#heard = this.#listeners.size;
      };
    });
  }

  /** It may have changed. Costs nothing while nobody listens. What a listener does is told when all have heard of what was before. */
  check(): void {
    if (this.#heard === 0 || this.#telling) return;
    this.#telling = true;
    for (let is = this.#is(); is !== this.#told; is = this.#is()) {
      this.#told = is;
      for (const listener of [...this.#listeners]) listener.next(is);
    }
    this.#telling = false;
  }
}
