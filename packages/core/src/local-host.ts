import type { Host, Step, StepEnd } from './graph-loop.ts';

/** Carries out steps in this process, and remembers nothing: they are selected in the order in which they end. */
export class LocalHost implements Host {
  #ended: LocalStep[] = [];
  #taken = 0;
  #wake: ((step: Step) => void) | null = null;

  step(index: number, _name: string, run: (ended: (end: StepEnd) => void) => void): Step {
    const step = new LocalStep(index);
    run((end) => {
      step.result = end;
      this.#push(step);
    });
    return step;
  }

  select(): Step | Promise<Step> {
    const step = this.#ended[this.#taken];
    if (step === undefined) return new Promise((wake) => this.#wait(wake));
    this.#taken++;
    if (this.#taken === this.#ended.length) {
      this.#ended = [];
      this.#taken = 0;
    }
    return step;
  }

  #wait(wake: (step: Step) => void): void {
    this.#wake = wake;
  }

  #push(step: LocalStep): void {
    const wake = this.#wake;
    if (wake === null) {
      this.#ended.push(step);
      return;
    }
    this.#wake = null;
    wake(step);
  }
}

class LocalStep implements Step {
  readonly index: number;
  result: StepEnd | null = null;

  constructor(index: number) {
    this.index = index;
  }

  get end(): StepEnd {
    if (this.result === null) throw new Error('The step has not ended');
    return this.result;
  }
}
