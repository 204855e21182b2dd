import type { Duration } from './duration.ts';
import type { Environment } from './environment.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import { Grace } from './grace.ts';
import type { Orphan } from './report.ts';

/** How a runner was shut down. */
export interface DrainReport {
  /** How many calls and runs that were going on came to their own end. */
  readonly finished: number;
  /** How many had to be stopped. */
  readonly cancelled: number;
  /** What is still alive although its time is over. */
  readonly orphans: readonly Orphan[];
  readonly durationMs: number;
}

/** How a runner is to be shut down. */
export interface DrainOptions {
  /** How long what goes on may take to come to its own end before it is stopped: 10 s unless set; `0` stops it at once. */
  readonly grace?: Duration | undefined;
}

/** The shutting down of one runner: nothing more is taken in; what goes on gets its time, and is then stopped. */
export class Drain {
  readonly report: Promise<DrainReport>;
  readonly #environment: Environment;
  readonly #startedAt: number;
  readonly #open: number;
  readonly #grace = new Grace(() => this.#stop());
  #armed = false;
  #over = false;
  #resolve: (report: DrainReport) => void = () => {};

  constructor(environment: Environment) {
    const { root, clock } = environment;
    this.#environment = environment;
    this.#startedAt = clock.now();
    this.#open = root.open;
    root.closing = true;
    root.onIdle = () => this.#finish();
    this.report = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (root.open === 0) this.#finish();
  }

  /** Gives what goes on so much time from now, unless it has less already. */
  within(graceMs: number): void {
    if (this.#over || graceMs === Number.POSITIVE_INFINITY) return;
    const { timers, clock } = this.#environment;
    if (graceMs <= 0) {
      timers.disarm(this.#grace);
      this.#stop();
    } else if (!this.#armed || timers.expiry(this.#grace) > clock.now() + graceMs) {
      this.#armed = true;
      timers.arm(this.#grace, graceMs);
    }
  }

  #stop(): void {
    const { root, log } = this.#environment;
    if (this.#over || root.stopReason !== undefined) return;
    log?.write('warn', `The runner stops what has not ended in time: ${root.open} in all`, {
      type: 'drain',
      open: root.open,
    });
    root.stop(new CancelledError('The runner was shut down', { scope: 'runner' }));
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    const { root, clock, timers, log, reporter } = this.#environment;
    if (this.#armed) timers.disarm(this.#grace);
    const cancelled = root.stopped;
    const report: DrainReport = {
      finished: this.#open - cancelled,
      cancelled,
      orphans: [...root.orphans()],
      durationMs: clock.now() - this.#startedAt,
    };
    const names = report.orphans.map(({ kind, name }) => `${kind} "${name}"`);
    const left = names.length === 0 ? '' : `; still alive: ${names.join(', ')}`;
    if (names.length > 0) reporter.warn(`The runner is shut down${left}`, { ...report });
    else log?.write('info', 'The runner is shut down', { type: 'drain', ...report });
    this.#resolve(report);
  }
}
