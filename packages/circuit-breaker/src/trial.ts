import { alarm, type Call, FollowedRun, type Sink, type Verdict } from '@sluice/core';
import type { TrialResult } from './circuit.ts';
import type { CircuitPlan } from './circuit-plan.ts';
import type { KeyedCircuit } from './keyed-circuit.ts';
import type { CallPermit } from './store.ts';

/** One call that a circuit let through: it is reported once, however it ends. */
export class Trial extends FollowedRun {
  private readonly circuit: KeyedCircuit;
  private readonly plan: CircuitPlan;
  private permit: CallPermit;
  private working = false;
  /** When its work began, where somebody wants to know. */
  private startedAt = 0;
  /** Set from when its work begins until it is slow or has ended. */
  private cancelSlow: (() => void) | null = null;

  constructor(circuit: KeyedCircuit, plan: CircuitPlan, call: Call, permit: CallPermit, sink: Sink) {
    super(call, sink);
    this.circuit = circuit;
    this.plan = plan;
    this.permit = permit;
    circuit.underWay++;
  }

  /** Not while it queues: that says nothing about what it calls. */
  protected override began(): void {
    this.working = true;
    const { slowCall } = this.plan.settings;
    if (slowCall === undefined && !this.plan.rule.timed) return;
    const { clock } = this.circuit.owner;
    this.startedAt = clock.now();
    if (slowCall !== undefined) this.cancelSlow = alarm(clock, slowCall.afterMs, () => this.crossSlow());
  }

  protected override ended(status: Verdict, error: unknown): void {
    const { circuit, plan, call } = this;
    circuit.underWay--;
    if (this.cancelSlow !== null) this.endSlow(plan.settings.slowCall?.afterMs);
    const result = this.resultOf(status, error);
    const { permit } = this;
    const { stored, owner } = circuit;
    if (result !== 'success' || permit !== stored.free) {
      circuit.report(call, permit, result, owner.clock.now());
      return;
    }
    // The clock is not read for what does not look at the time, and only now and then for what counts a success among others.
    const timeless = stored.resolutionMs === Number.POSITIVE_INFINITY;
    circuit.succeeded(call, permit, timeless ? 0 : owner.turnTime());
  }

  private crossSlow(): void {
    this.cancelSlow = null;
    this.permit = this.circuit.crossedSlow(this.call, this.permit);
  }

  /** What arrives in the same turn as its timer comes first: it is slow all the same. */
  private endSlow(afterMs = Number.POSITIVE_INFINITY): void {
    this.cancelSlow?.();
    this.cancelSlow = null;
    if (this.circuit.owner.clock.now() - this.startedAt >= afterMs) this.crossSlow();
  }

  private resultOf(status: Verdict, error: unknown): TrialResult {
    const { rule } = this.plan;
    if (!this.working) {
      // Nothing was called: what somebody else answered, or gave up waiting for, says nothing about it.
      if (status === 'ok' || status === 'timeout') return 'neutral';
    } else if (status === 'ok' && rule.ok !== undefined) return rule.ok;
    const durationMs = rule.timed && this.working ? this.circuit.owner.clock.now() - this.startedAt : 0;
    return rule.resultOf(error === undefined ? { status, durationMs } : { status, error, durationMs }, this.call);
  }
}
