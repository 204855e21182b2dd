import type { Aftermath, BoundFacts, BoundOptions, Call, Sign, SluiceError, Verdict } from '@sluice/core';
import { heartbeatError } from './heartbeat-error.ts';
import type { HeartbeatFields } from './heartbeat-options.ts';
import type { HeartbeatRecord } from './heartbeat-stats.ts';
import { type Beat, Pulse } from './pulse.ts';

/** What the options of one target amount to. */
export interface HeartbeatPlan {
  readonly fields: HeartbeatFields;
  readonly record: HeartbeatRecord;
}

/**
 * Watches over one attempt: a limit on its silence, put off by each sign of life. There is one for every attempt, and most hear nothing: so
 * what is the same for all is not its own, and its pulse is made when there is one.
 */
export class HeartbeatWatch implements BoundOptions {
  declare readonly name: 'heartbeat';
  declare readonly scope: 'attempt';
  declare readonly retryable: true;
  declare readonly pausable: true;
  readonly #call: Call;
  readonly #plan: HeartbeatPlan;
  #pulse: Pulse | null = null;

  constructor(call: Call, plan: HeartbeatPlan) {
    this.#call = call;
    this.#plan = plan;
  }

  get limit(): number {
    return this.#plan.fields.timeout;
  }

  sign(sign: Sign, at: number, own: boolean, details: unknown): number | undefined {
    const { fields, record } = this.#plan;
    const beats = sign === 'heartbeat' && own;
    if (!beats && sign !== 'resume' && fields.refreshOn === 'heartbeat') return undefined;
    this.#pulse ??= new Pulse(fields.timeout);
    const pulse = this.#pulse;
    pulse.alive(at);
    // What waited through a pause is told when it is over.
    if (!beats) return sign === 'resume' ? Math.max(0, pulse.due(at)) : undefined;
    record.beat();
    const beat = pulse.beat(at, details);
    if (beat === undefined) return pulse.due(at);
    this.#tell(beat);
    return undefined;
  }

  ignored(): void {
    this.#plan.record.ignored++;
  }

  extend(now: number): number {
    const pulse = this.#pulse;
    if (pulse === null) return 0;
    if (pulse.due(now) <= 0) this.#pass(now);
    const left = pulse.left(now);
    return left <= 0 ? 0 : Math.min(left, pulse.due(now));
  }

  error(facts: BoundFacts): SluiceError {
    this.#plan.record.lost++;
    const lastAt = this.#pulse?.lastAt;
    return heartbeatError(lastAt === undefined ? undefined : this.#call.clock.now() - lastAt, facts);
  }

  /** What still waits to be passed on is, when the attempt does not end well. */
  ended(status: Verdict): void {
    if (status !== 'ok' && this.#pulse !== null) this.#pass(this.#call.clock.now());
  }

  after(what: Aftermath): void {
    this.#plan.record.after(what);
  }

  #pass(now: number): void {
    const beat = this.#pulse?.take(now);
    if (beat !== undefined) this.#tell(beat);
  }

  #tell({ details }: Beat): void {
    this.#call.emit('heartbeat', details === undefined ? {} : { details });
  }
}

Object.assign(HeartbeatWatch.prototype, { name: 'heartbeat', scope: 'attempt', retryable: true, pausable: true });
