import type { Host, Step, StepEnd } from './graph-loop.ts';

/** Carries out steps in this process, and remembers nothing: they are selected in the order in which they end. */
export class LocalHost implements Host {
  /** Those that have ended and are not selected yet, in a row. */
  #first: LocalStep | null = null;
  #last: LocalStep | null = null;
  #wake: ((step: Step) => void) | null = null;
  readonly #wait = (wake: (step: Step) => void): void => {
    this.#wake = wake;
  };

  step(index: number, _name: string, run: (ended: (end: StepEnd) => void) => void): Step {
    const step = new LocalStep(index);
    run((end) => {
      step.result = end;
      this.#push(step);
    });
    return step;
  }

  select(): Step | Promise<Step> {
    const step = this.#first;
    if (step === null) return new Promise(this.#wait);
    this.#first = step.next;
    if (step.next === null) this.#last = null;
    step.next = null;
    return step;
  }

  #push(step: LocalStep): void {
    const wake = this.#wake;
    if (wake !== null) {
      this.#wake = null;
      wake(step);
      return;
    }
    if (this.#last === null) this.#first = step;
    else this.#last.next = step;
    this.#last = step;
  }
}

class LocalStep implements Step {
  readonly index: number;
  result: StepEnd | null = null;
  next: LocalStep | null = null;

  constructor(index: number) {
    this.index = index;
  }

  get end(): StepEnd {
    if (this.result === null) throw new Error('The step has not ended');
    return this.result;
  }
}
