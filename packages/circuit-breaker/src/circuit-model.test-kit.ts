import type { TrialResult } from './circuit.ts';
import type { CircuitSettings } from './circuit-settings.ts';
import type { CircuitState } from './circuit-state.ts';
import { countsOf, type News } from './window-log.test-kit.ts';

/** A call that the model let through. */
export interface ModelCall {
  readonly age: number;
  readonly at: number;
  readonly probe: boolean;
  slow: boolean;
  ended: { readonly result: TrialResult; readonly at: number } | undefined;
}

/** What the model refuses a call with. */
export interface ModelRefusal {
  readonly state: CircuitState;
  readonly because: string;
  readonly retryAfterMs: number | undefined;
}

/**
 * A circuit as its words say, with no care for speed: it keeps every call and all that ever happened, and counts anew each time that it
 * is asked.
 */
export class ModelCircuit {
  readonly changes: string[] = [];
  /** Every call that was let through, in the order in which they were. */
  calls: ModelCall[] = [];
  /** What the window was told since it was cleared. */
  log: News[] = [];
  /** What began when; the last is what it does now. */
  readonly eras: { state: CircuitState; at: number; until: number; rampUntil: number }[] = [
    { state: 'closed', at: 0, until: 0, rampUntil: 0 },
  ];
  /** Each opening that was not by hand for a time of somebody, since it was last reset: the how manieth in a row, and when it closed after that. */
  openings: { readonly row: number; readonly ms: number; readonly closedAt: number[] }[] = [];
  because = 'it is new';
  totals = { calls: 0, failures: 0, slow: 0, refused: 0, opened: 0 };
  readonly #settings: CircuitSettings;

  constructor(settings: CircuitSettings) {
    this.#settings = settings;
  }

  get era(): { state: CircuitState; at: number; until: number; rampUntil: number } {
    return this.eras.at(-1) as never;
  }

  state(now: number): CircuitState {
    return this.era.state === 'open' && now >= this.era.until ? 'half-open' : this.era.state;
  }

  /** Those of this era that are probes. */
  get probes(): ModelCall[] {
    return this.calls.filter(({ age, probe }) => probe && age === this.eras.length);
  }

  alive(now: number): ModelCall[] {
    return this.probes.filter(({ ended, at }) => ended === undefined && now < at + this.#settings.probeTimeoutMs);
  }

  get succeeded(): number {
    const { probeTimeoutMs } = this.#settings;
    return this.probes.filter(({ ended, at }) => ended?.result === 'success' && ended.at < at + probeTimeoutMs).length;
  }

  permit(now: number, chance: number): ModelCall | ModelRefusal {
    this.tick(now);
    const { state, until, rampUntil } = this.era;
    if (state === 'open') return this.#refuse(state, this.because, until - now);
    if (state === 'isolated') return this.#refuse(state, this.because, undefined);
    if (state === 'half-open') {
      const alive = this.alive(now);
      if (this.succeeded + alive.length >= this.#settings.probes) {
        const first = Math.min(...alive.map(({ at }) => at + this.#settings.probeTimeoutMs));
        return this.#refuse(state, this.because, Math.min(1_000, first - now));
      }
    } else if (now < rampUntil && chance >= 1 - (0.9 * (rampUntil - now)) / this.#settings.rampMs) {
      const because = 'it has just closed, and lets calls in gradually';
      return this.#refuse(state, because, Math.min(1_000, rampUntil - now));
    }
    const call = { age: this.eras.length, at: now, probe: state === 'half-open', slow: false, ended: undefined };
    this.calls.push(call);
    return call;
  }

  report(call: ModelCall, result: TrialResult, now: number): void {
    call.ended = { result, at: now };
    if (call.age !== this.eras.length || result === 'neutral') return;
    const failed = result === 'failure';
    const late = now >= call.at + this.#settings.probeTimeoutMs;
    if (call.probe && !failed && late) return;
    this.totals.calls++;
    if (failed) this.totals.failures++;
    if (call.probe) {
      const { probes, rampMs } = this.#settings;
      if (failed) this.#open('a probe failed', now);
      else if (this.succeeded === probes) {
        const because = probes === 1 ? 'the probe succeeded' : `all ${probes} probes succeeded`;
        this.openings.at(-1)?.closedAt.push(now);
        this.#close(because, now, rampMs);
      }
      return;
    }
    this.log.push({ of: 'outcome', bad: failed, at: now });
    if (!call.slow) this.log.push({ of: 'pace', bad: false, at: now });
    const { calls, failures } = this.counts(now);
    if (failed && calls >= this.#minimum && failures / calls >= this.#settings.failureRate) {
      const row = failures === 1 ? 'a call failed' : `${failures} calls in a row failed`;
      this.#open(this.#words(row, `${failures} of ${calls} calls failed`), now);
    }
  }

  slowed(call: ModelCall, now: number): void {
    const { slowCall, probes } = this.#settings;
    if (slowCall === undefined || call.slow) return;
    call.slow = true;
    if (call.age !== this.eras.length) return;
    this.totals.slow++;
    const long = `took longer than ${slowCall.afterMs} ms`;
    if (call.probe) {
      const slow = this.probes.filter((probe) => probe.slow).length;
      const because = probes === 1 ? `the probe ${long}` : `${slow} of ${probes} probes ${long}`;
      if (slow / probes >= slowCall.rate) this.#open(because, now);
      return;
    }
    this.log.push({ of: 'pace', bad: true, at: now });
    const { paced, slow } = this.counts(now);
    if (paced >= this.#minimum && slow / paced >= slowCall.rate) {
      const row = slow === 1 ? `a call ${long}` : `${slow} calls in a row ${long}`;
      this.#open(this.#words(row, `${slow} of ${paced} calls ${long}`), now);
    }
  }

  counts(now: number) {
    return countsOf(this.#settings.window, this.log, now);
  }

  tick(now: number): void {
    if (this.state(now) !== this.era.state) this.#begin('half-open', 'its time was over', now);
  }

  trip(now: number, forMs?: number): void {
    if (this.era.state !== 'isolated') this.#open('tripped by hand', now, forMs);
  }

  isolate(now: number): void {
    if (this.era.state === 'isolated') return;
    this.because = 'isolated by hand';
    this.#begin('isolated', this.because, now);
  }

  reset(now: number): void {
    this.openings = [];
    this.#close('reset by hand', now, 0);
  }

  /** As if it had been carried over: what was under way is nobody's. */
  restored(now: number): void {
    const { until, rampUntil } = this.era;
    this.#begin(this.era.state, this.because, now);
    this.era.until = Math.max(now, until);
    this.era.rampUntil = rampUntil;
  }

  #refuse(state: CircuitState, because: string, retryAfterMs: number | undefined): ModelRefusal {
    this.totals.refused++;
    return { state, because, retryAfterMs };
  }

  #open(because: string, now: number, forMs?: number): void {
    this.because = because;
    this.totals.opened++;
    this.#begin('open', because, now);
    this.era.until = now + (forMs ?? this.#openFor(now));
  }

  #openFor(now: number): number {
    const last = this.openings.at(-1);
    const times = [...(last?.closedAt ?? []), now];
    const follows = times.every((at, index) => index === 0 || at <= (times[index - 1] as number) + 2 * (last?.ms ?? 0));
    const row = follows ? (last?.row ?? 0) + 1 : 1;
    const ms = this.#settings.openFor.delay(row, follows ? (last?.ms ?? 0) : 0, () => 0);
    this.openings.push({ row, ms, closedAt: [] });
    return ms;
  }

  #close(because: string, now: number, rampMs: number): void {
    this.because = because;
    this.log = [];
    this.#begin('closed', because, now);
    this.era.rampUntil = now + rampMs;
  }

  #begin(state: CircuitState, because: string, at: number): void {
    this.changes.push(`${this.era.state} > ${state}: ${because} @ ${at}`);
    this.eras.push({ state, at, until: 0, rampUntil: 0 });
  }

  #words(row: string, rate: string): string {
    const { window } = this.#settings;
    if (window.type === 'consecutive') return row;
    return window.type === 'time' ? `${rate} in ${window.sizeMs < 1_000 ? `${window.sizeMs} ms` : '1 s'}` : rate;
  }

  get #minimum(): number {
    const { window } = this.#settings;
    return window.type === 'consecutive' ? window.size : window.minimum;
  }
}
