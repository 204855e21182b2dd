import type { Aftermath, BoundFacts, BoundOptions, Call, Sign, SluiceError, Verdict } from '@sluice/core';
import { heartbeatError } from './heartbeat-error.ts';
import type { HeartbeatFields } from './heartbeat-options.ts';
import type { HeartbeatRecord } from './heartbeat-stats.ts';
import { type Beat, Pulse } from './pulse.ts';

/** Watches over one attempt: a limit on its silence, put off by each sign of life. */
export class HeartbeatWatch implements BoundOptions {
  readonly limit: number;
  readonly name = 'heartbeat';
  readonly scope = 'attempt';
  readonly retryable = true;
  readonly pausable = true;
  readonly #call: Call;
  readonly #record: HeartbeatRecord;
  readonly #strict: boolean;
  readonly #pulse: Pulse;

  constructor(call: Call, { timeout, refreshOn }: HeartbeatFields, record: HeartbeatRecord) {
    this.limit = timeout;
    this.#call = call;
    this.#record = record;
    this.#strict = refreshOn === 'heartbeat';
    this.#pulse = new Pulse(timeout);
  }

  sign(sign: Sign, at: number, own: boolean, details: unknown): number | undefined {
    const pulse = this.#pulse;
    const beats = sign === 'heartbeat' && own;
    if (beats || sign === 'resume' || !this.#strict) pulse.alive(at);
    // What waited through a pause is told when it is over.
    if (!beats) return sign === 'resume' ? Math.max(0, pulse.due(at)) : undefined;
    this.#record.beat();
    const beat = pulse.beat(at, details);
    if (beat === undefined) return pulse.due(at);
    this.#tell(beat);
    return undefined;
  }

  ignored(): void {
    this.#record.ignored++;
  }

  extend(now: number): number {
    const pulse = this.#pulse;
    if (pulse.due(now) <= 0) this.#pass(now);
    const left = pulse.left(now);
    return left <= 0 ? 0 : Math.min(left, pulse.due(now));
  }

  error(facts: BoundFacts): SluiceError {
    this.#record.lost++;
    const { lastAt } = this.#pulse;
    return heartbeatError(lastAt === undefined ? undefined : this.#call.clock.now() - lastAt, facts);
  }

  /** What still waits to be passed on is, when the attempt does not end well. */
  ended(status: Verdict): void {
    if (status !== 'ok') this.#pass(this.#call.clock.now());
  }

  after(what: Aftermath): void {
    this.#record.after(what);
  }

  #pass(now: number): void {
    const beat = this.#pulse.take(now);
    if (beat !== undefined) this.#tell(beat);
  }

  #tell({ details }: Beat): void {
    this.#call.emit('heartbeat', details === undefined ? {} : { details });
  }
}
