import type { Aftermath, BoundFacts, BoundOptions, BoundRun, Call, Sign, SluiceError, Verdict } from '@sluice/core';
import { heartbeatError } from './heartbeat-error.ts';
import type { HeartbeatFields } from './heartbeat-options.ts';
import type { HeartbeatRecord } from './heartbeat-stats.ts';
import { type Beat, Pulse } from './pulse.ts';

/**
 * Watches over the attempts of one target: a limit on the silence of each, put off by each sign of life. Most hear nothing: the pulse of an
 * attempt is made when there is one.
 */
export class HeartbeatWatch implements BoundOptions {
  readonly limit: number;
  readonly name = 'heartbeat';
  readonly scope = 'attempt';
  readonly retryable = true;
  readonly pausable = true;
  readonly #fields: HeartbeatFields;
  readonly #record: HeartbeatRecord;

  constructor(fields: HeartbeatFields, record: HeartbeatRecord) {
    this.limit = fields.timeout;
    this.#fields = fields;
    this.#record = record;
  }

  sign(sign: Sign, at: number, own: boolean, details: unknown, run: BoundRun): number | undefined {
    const beats = sign === 'heartbeat' && own;
    if (!beats && sign !== 'resume' && this.#fields.refreshOn === 'heartbeat') return undefined;
    run.state ??= new Pulse(this.limit);
    const pulse = run.state as Pulse;
    pulse.alive(at);
    // What waited through a pause is told when it is over.
    if (!beats) return sign === 'resume' ? Math.max(0, pulse.due(at)) : undefined;
    this.#record.beat();
    const beat = pulse.beat(at, details);
    if (beat === undefined) return pulse.due(at);
    tell(run.call, beat);
    return undefined;
  }

  ignored(): void {
    this.#record.ignored++;
  }

  extend(now: number, run: BoundRun): number {
    const pulse = pulseOf(run);
    if (pulse === undefined) return 0;
    if (pulse.due(now) <= 0) pass(run.call, pulse, now);
    const left = pulse.left(now);
    return left <= 0 ? 0 : Math.min(left, pulse.due(now));
  }

  error(facts: BoundFacts, run: BoundRun): SluiceError {
    this.#record.lost++;
    const lastAt = pulseOf(run)?.lastAt;
    return heartbeatError(lastAt === undefined ? undefined : run.call.clock.now() - lastAt, facts);
  }

  /** What still waits to be passed on is, when the attempt does not end well. */
  endedWith(status: Verdict, { call, state }: BoundRun): void {
    if (status !== 'ok') pass(call, state as Pulse, call.clock.now());
  }

  after(what: Aftermath): void {
    this.#record.after(what);
  }
}

/** The heartbeats of one attempt; undefined while there were none. */
function pulseOf({ state }: BoundRun): Pulse | undefined {
  return state as Pulse | undefined;
}

function pass(call: Call, pulse: Pulse, now: number): void {
  const beat = pulse.take(now);
  if (beat !== undefined) tell(call, beat);
}

function tell(call: Call, { details }: Beat): void {
  call.emit('heartbeat', details === undefined ? {} : { details });
}
