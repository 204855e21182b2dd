import { Problems } from '@sluice/core';
import { CircuitRefusal } from './circuit-refusal.ts';
import type { CircuitHost, CircuitSettings } from './circuit-settings.ts';
import { type CircuitSnapshot, readCircuitSnapshot } from './circuit-snapshot.ts';
import type { CircuitState } from './circuit-state.ts';
import type { CircuitStats, CircuitTotals } from './circuit-stats.ts';
import { Judge } from './judge.ts';
import { OpenTimes } from './open-times.ts';
import type { OutcomeWindow } from './outcome-window.ts';
import {
  closedPhase,
  halfOpenPhase,
  isolatedPhase,
  openPhase,
  type Phase,
  phaseFromJson,
  phaseToJson,
} from './phase.ts';
import type { Probe, Probes } from './probes.ts';
import type { Ramp } from './ramp.ts';
import { sameWindow } from './window-spec.ts';

/**
 * What a call is let through with: while the circuit is closed the number of its generation, below 0 once the call was slow; else a probe.
 * To be reported once.
 */
export type Permit = number | Probe;

/** How a call ended: `neutral` says nothing about its target, as when it was cancelled. */
export type TrialResult = 'success' | 'failure' | 'neutral';

/** When those who are refused only for now may come again. */
const SOON_MS = 1_000;

/** For how long it is remembered that something was open, when nobody comes to probe it. */
const FORGOTTEN_MS = 3_600_000;

/**
 * A circuit breaker as plain state: it reads no clock and owns no timer, it is told the time, in milliseconds on a clock that never goes
 * back.
 *
 * Each change begins a generation, and a result of an earlier one is ignored. Only bad news opens it, never a success: each failure is
 * judged by the failure rate, each slow call by the slow rate, when it becomes slow. When its time is over it is half-open, whether somebody
 * comes or not; it says so to its host when somebody does, or at the next {@link tick}.
 *
 * Of the probes, one that fails opens it, late or not. One that is slow opens it when so many are that they reach the slow rate, and else
 * counts by how it ends. One whose lease is over gives its place to the next call that comes; when it then succeeds after all, that says
 * nothing.
 *
 * In a ramp, calls are judged as ever: if one failure were enough, what fails now and then would never get through it. But if it opens,
 * that follows on the opening before.
 */
export class Circuit {
  readonly #host: CircuitHost;
  #settings: CircuitSettings;
  #judge: Judge;
  #window: OutcomeWindow;
  #times: OpenTimes;
  #phase: Phase;
  /** When that began. */
  #since = 0;
  #because = 'it is new';
  #generation = 1;
  #free = 1;
  #totals: { -readonly [K in keyof CircuitTotals]: number } = { calls: 0, failures: 0, slow: 0, refused: 0, opened: 0 };

  constructor(settings: CircuitSettings, host: CircuitHost) {
    this.#settings = settings;
    this.#host = host;
    this.#phase = closedPhase(0, settings, 0);
    this.#judge = new Judge(settings);
    this.#window = this.#judge.window;
    this.#times = this.#timesOf(settings);
  }

  get settings(): CircuitSettings {
    return this.#settings;
  }

  /**
   * Goes by other settings from now on, and goes on with what it does: nothing begins anew, and what is under way counts. Its window forgets
   * what it cannot hold, and everything when it becomes one of another kind. What it does already, such as a half-open phase, ends as it began.
   */
  configure(settings: CircuitSettings, now: number): void {
    const before = this.#settings;
    this.#settings = settings;
    if (sameWindow(before.window, settings.window)) {
      this.#judge = new Judge(settings, this.#window);
    } else {
      const remembered = this.#window.snapshot(now);
      this.#judge = new Judge(settings);
      this.#window = this.#judge.window;
      this.#window.restore(remembered, now);
    }
    const openings = this.#times.snapshot(now);
    this.#times = this.#timesOf(settings);
    this.#times.restore(openings, now);
  }

  /** What {@link permit} answers whatever the time is; 0 when it has to be asked. */
  get free(): number {
    return this.#free;
  }

  /** How far behind the time may be that a success is reported with, while it is closed. */
  get resolutionMs(): number {
    return this.#window.resolutionMs;
  }

  /** When it changes by time alone; undefined when it does not. */
  get nextChangeAt(): number | undefined {
    return this.#phase.state === 'open' ? this.#phase.until : undefined;
  }

  /** What it does at that time. */
  state(now: number): CircuitState {
    const phase = this.#phase;
    return phase.state === 'open' && now >= phase.until ? 'half-open' : phase.state;
  }

  /** Does what time alone brings. */
  tick(now: number): void {
    if (this.#phase.state !== 'open' || now < this.#phase.until) return;
    this.#enter(halfOpenPhase(this.#settings), 'its time was over', now);
  }

  /** Lets a call through, or refuses it. A host that does not hold with the refusal lets the call go and reports nothing. */
  permit(now: number): Permit | CircuitRefusal {
    if (this.#free !== 0) return this.#free;
    const answer = this.#ask(now);
    if (answer instanceof CircuitRefusal) this.#totals.refused++;
    return answer;
  }

  /** The call has been running for too long: it counts as slow. Answers what it is to be reported with from now on. */
  crossedSlow(permit: Permit, now: number): Permit {
    if (this.#settings.slowCall === undefined) return permit;
    if (typeof permit !== 'number') this.#probeSlowed(permit, now);
    if (permit !== this.#generation) return permit;
    this.#window.slowed(now);
    this.#totals.slow++;
    this.#openIf(this.#judge.slowed(), now);
    return -permit;
  }

  /** The call has ended. */
  report(permit: Permit, result: TrialResult, now: number): void {
    if (typeof permit !== 'number') this.#reportProbe(permit, result, now);
    else if (result !== 'neutral') this.#reportCall(permit, result === 'failure', now);
  }

  /** Opens it by hand, for so many milliseconds or as long as it is its turn. One that is isolated stays so. */
  trip(now: number, forMs?: number): void {
    if (this.#phase.state !== 'isolated') this.#open('tripped by hand', now, forMs);
  }

  /** Refuses everything until it is reset. */
  isolate(now: number): void {
    if (this.#phase.state === 'isolated') return;
    this.#because = 'isolated by hand';
    this.#enter(isolatedPhase(this.#because), this.#because, now);
  }

  /** Closes it, as good as new and at once. */
  reset(now: number): void {
    this.#times.forget();
    this.#close(0, 'reset by hand', now);
  }

  /** Whether it is as good as new, so that it may be forgotten; also one to which nobody has come for an hour since it would let probes through. */
  idle(now: number): boolean {
    const phase = this.#phase;
    if (phase.state === 'open') return now >= phase.until + FORGOTTEN_MS;
    if (phase.state === 'half-open') return now >= this.#since + FORGOTTEN_MS;
    if (phase.state !== 'closed' || (phase.ramp?.until ?? now) > now) return false;
    this.#window.advance(now);
    return this.#window.failures === 0 && this.#window.slow === 0 && this.#times.fresh(now);
  }

  stats(now: number): CircuitStats {
    this.#window.advance(now);
    const { calls, failures, paced, slow } = this.#window;
    return {
      state: this.state(now),
      because: this.#because,
      nextChangeAt: this.nextChangeAt,
      probing: this.#phase.state === 'half-open' ? this.#phase.probes.alive(now) : 0,
      window: { calls, failures, paced, slow },
      totals: { ...this.#totals },
    };
  }

  /** All that it knows. Calls that are under way are not in it. */
  snapshot(now: number): CircuitSnapshot {
    return {
      version: 1,
      phase: phaseToJson(this.#phase, now),
      because: this.#because,
      openTimes: this.#times.snapshot(now),
      window: this.#window.snapshot(now),
      totals: { ...this.#totals },
    };
  }

  /** Goes on where a snapshot left off, as if no time had passed. Throws a ConfigError with all that is wrong with it, and stays as it is. */
  restore(snapshot: unknown, now: number, path = 'snapshot'): void {
    const problems = new Problems();
    const read = readCircuitSnapshot(snapshot, this.#settings.window.type, path, problems);
    problems.throwIfAny();
    const { phase, because, openTimes, window, totals } = read as CircuitSnapshot;
    this.#window.restore(window, now);
    this.#times.restore(openTimes, now);
    this.#totals = { ...totals };
    this.#because = because;
    this.#enter(phaseFromJson(phase, because, this.#settings, now), because, now);
  }

  #timesOf({ openFor }: CircuitSettings): OpenTimes {
    return new OpenTimes(
      openFor,
      () => this.#host.random(),
      (error) => this.#host.fault(error),
    );
  }

  #ask(now: number): Permit | CircuitRefusal {
    const phase = this.#phase;
    switch (phase.state) {
      case 'open':
        if (now < phase.until) return phase.refusal;
        this.tick(now);
        // The host was told, and may have changed it.
        return this.#ask(now);
      case 'half-open':
        return phase.probes.take(now) ?? this.#refuse('half-open', this.#because, phase.probes.freeAt, now);
      case 'closed':
        return this.#askRamp(phase.ramp, now);
      case 'isolated':
        return phase.refusal;
    }
  }

  #askRamp(ramp: Ramp | undefined, now: number): Permit | CircuitRefusal {
    if (ramp === undefined || now >= ramp.until) this.#free = this.#generation;
    else if (this.#host.random() >= ramp.share(now)) {
      return this.#refuse('closed', 'it has just closed, and lets calls in gradually', ramp.until, now);
    }
    return this.#generation;
  }

  /** Refuses one that may come again soon, at the latest at that time. */
  #refuse(state: CircuitState, because: string, latest: number, now: number): CircuitRefusal {
    return new CircuitRefusal(state, because, Math.min(latest, now + SOON_MS));
  }

  #reportCall(permit: number, failed: boolean, now: number): void {
    const window = this.#window;
    // Permits of this generation were only given while it was closed.
    if (permit === this.#generation) window.ended(failed, now);
    else if (permit === -this.#generation) window.endedSlow(failed, now);
    else return;
    this.#totals.calls++;
    if (!failed) return;
    this.#totals.failures++;
    this.#openIf(this.#judge.failed(), now);
  }

  #reportProbe(probe: Probe, result: TrialResult, now: number): void {
    const probes = this.#homeOf(probe);
    if (probes === undefined) return;
    if (result === 'success') {
      if (probes.succeed(probe, now)) this.#totals.calls++;
      if (probes.done) this.#closeAfter(probes, now);
      return;
    }
    probes.giveBack(probe);
    if (result === 'neutral') return;
    this.#totals.calls++;
    this.#totals.failures++;
    this.#open('a probe failed', now);
  }

  #probeSlowed(probe: Probe, now: number): void {
    const probes = this.#homeOf(probe);
    if (probes === undefined || !probes.slowed(probe)) return;
    this.#totals.slow++;
    this.#openIf(this.#judge.probeSlowed(probes), now);
  }

  /** The probes of which it is one; undefined when it is none of this generation, or has ended. */
  #homeOf(probe: Probe): Probes | undefined {
    const phase = this.#phase;
    return phase.state === 'half-open' && phase.probes.has(probe) ? phase.probes : undefined;
  }

  #closeAfter({ size }: Probes, now: number): void {
    this.#times.closed(now);
    const because = size === 1 ? 'the probe succeeded' : `all ${size} probes succeeded`;
    this.#close(this.#settings.rampMs, because, now);
  }

  #close(rampMs: number, because: string, now: number): void {
    this.#window.clear();
    this.#because = because;
    this.#enter(closedPhase(rampMs, this.#settings, now), because, now);
  }

  #openIf(because: string | undefined, now: number): void {
    if (because !== undefined) this.#open(because, now);
  }

  #open(because: string, now: number, forMs: number = this.#times.opened(now)): void {
    this.#because = because;
    this.#totals.opened++;
    this.#enter(openPhase(because, now + forMs), because, now);
  }

  /** The host is told last: whatever it does then, nothing is half done. */
  #enter(phase: Phase, because: string, now: number): void {
    const from = this.#phase.state;
    this.#phase = phase;
    this.#since = now;
    this.#generation++;
    this.#free = phase.state === 'closed' && phase.ramp === undefined ? this.#generation : 0;
    this.#host.changed(from, phase.state, because, now);
  }
}
